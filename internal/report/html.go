package report

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"
)

//go:embed page.css
var css string

// Page builds a self-contained HTML page from top to bottom: one file, light
// and dark, without scripts, that loads nothing. The zero value is ready.
type Page struct {
	Title    string
	Subtitle string // for example when and by what it was made
	Lang     string // BCP 47, default "en"
	body     strings.Builder
}

// MaxImage is the size up to which a picture may be put into a page, in bytes.
const MaxImage = 16 << 20

// text is a text safe to stand in HTML, between tags or in a quoted attribute.
func text(s string) string { return html.EscapeString(Clean(s)) }

// Section begins a section under a heading.
func (p *Page) Section(title string) { fmt.Fprintf(&p.body, "<h2>%s</h2>\n", text(title)) }

// Text adds a paragraph.
func (p *Page) Text(s string) { fmt.Fprintf(&p.body, "<p>%s</p>\n", text(s)) }

// Pairs adds a key-value block.
func (p *Page) Pairs(pairs []Pair) {
	p.body.WriteString("<dl>\n")
	for _, pair := range pairs {
		if pair.Value != "" {
			fmt.Fprintf(&p.body, "<dt>%s</dt><dd%s>%s</dd>\n", text(pair.Key), class("", pair.Tone), text(pair.Value))
		}
	}
	p.body.WriteString("</dl>\n")
}

// Table adds a table with all its columns.
func (p *Page) Table(t *Table) {
	if len(t.Rows) == 0 && t.Empty != "" {
		fmt.Fprintf(&p.body, "<p class=\"faint\">%s</p>\n", text(t.Empty))
		return
	}
	p.body.WriteString("<div class=\"scroll\"><table>\n<thead><tr>")
	for _, c := range t.Columns {
		fmt.Fprintf(&p.body, "<th scope=\"col\"%s>%s</th>", class(align(c, ""), Plain), text(c.Title))
	}
	p.body.WriteString("</tr></thead>\n<tbody>\n")
	rows := t.Rows[:min(len(t.Rows), maxLines)]
	for _, row := range rows {
		p.row(t.Columns, row)
	}
	p.body.WriteString("</tbody></table></div>\n")
	if cut := len(t.Rows) - len(rows); cut > 0 {
		fmt.Fprintf(&p.body, "<p class=\"faint\">%s</p>\n", text(strings.TrimSpace(more(cut))))
	}
}

func (p *Page) row(columns []Column, row []string) {
	p.body.WriteString("<tr>")
	for i, c := range columns {
		cell, tone := "", Plain
		if i < len(row) {
			cell = row[i]
		}
		if c.Tone != nil {
			tone = c.Tone(cell)
		}
		fmt.Fprintf(&p.body, "<td%s>%s</td>", class(align(c, cell), tone), text(cell))
	}
	p.body.WriteString("</tr>\n")
}

var toneClasses = [...]string{Plain: "", Strong: "strong", Dim: "dim", Good: "good", Warn: "warn", Bad: "bad"}

// short is the width up to which a cell is never broken into lines; longer ones
// keep at least about that width.
const short = 24

// align is the class for the layout of a cell.
func align(c Column, cell string) string {
	switch {
	case c.Right:
		return "r"
	case cell == "":
		return ""
	case Width(Clean(cell)) <= short:
		return "n"
	}
	return "w"
}

// class is the class attribute of a cell.
func class(layout string, tone Tone) string {
	var names []string
	if layout != "" {
		names = append(names, layout)
	}
	if tone != Plain && int(tone) < len(toneClasses) {
		names = append(names, toneClasses[tone])
	}
	if len(names) == 0 {
		return ""
	}
	return ` class="` + strings.Join(names, " ") + `"`
}

// Lines, Bars and Timeline add charts under a caption.
func (p *Page) Lines(caption string, c *LineChart)    { p.figure(caption, lineSVG(c)) }
func (p *Page) Bars(caption string, bars []Bar)       { p.figure(caption, barSVG(bars)) }
func (p *Page) Timeline(caption string, spans []Span) { p.figure(caption, timelineSVG(spans)) }
func (p *Page) figure(caption string, picture *drawing) {
	fmt.Fprintf(&p.body, "<figure><figcaption>%s</figcaption>\n%s</figure>\n", text(caption), picture.svg(caption))
}

// Image adds a PNG, JPEG, GIF or WebP picture, inside the page.
func (p *Page) Image(caption, mime string, data []byte) error {
	switch mime {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
	default:
		return fmt.Errorf("add image %q to page: type %q is not one of PNG, JPEG, GIF, WebP", caption, mime)
	}
	if len(data) > MaxImage {
		return fmt.Errorf("add image %q to page: %d bytes are more than the %d allowed; scale it down", caption, len(data), MaxImage)
	}
	fmt.Fprintf(&p.body, "<figure><figcaption>%[1]s</figcaption>\n<img alt=\"%[1]s\" src=\"data:%s;base64,%s\">\n</figure>\n",
		text(caption), mime, base64.StdEncoding.EncodeToString(data))
	return nil
}

// Render writes the page.
func (p *Page) Render(w io.Writer) error {
	lang := p.Lang
	if lang == "" {
		lang = "en"
	}
	subtitle := ""
	if p.Subtitle != "" {
		subtitle = fmt.Sprintf("<p class=\"faint\">%s</p>\n", text(p.Subtitle))
	}
	return write(w, fmt.Sprintf(`<!doctype html>
<html lang="%s">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>%[2]s</title>
<style>
%[3]s</style>
</head>
<body>
<h1>%[2]s</h1>
%[4]s%[5]s</body>
</html>
`, text(lang), text(p.Title), css, subtitle, p.body.String()))
}
