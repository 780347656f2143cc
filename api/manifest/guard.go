package manifest

import "github.com/goccy/go-yaml/token"

// guard refuses documents that would take the YAML parser too far. It keeps
// depth on the stack, which no recover can save, and recurses also from one key
// of a block mapping to the next, copying what it has.
func (c *converter) guard(tokens token.Tokens) error {
	if len(tokens) > maxTokens {
		return broken(c.placeAt(tokens[maxTokens]), "has more than %d words and signs", maxTokens)
	}
	g := guard{}
	for i, t := range tokens {
		if t.Position.Line != g.line {
			g.line, g.opened = t.Position.Line, 0
			if g.flow == 0 && t.Position.Column > 8*maxDepth {
				return broken(c.placeAt(t), "is indented by more than %d columns", 8*maxDepth)
			}
		}
		g.count(t, tokens[max(0, i-1)])
		if g.flow > maxDepth || g.opened > maxDepth {
			return broken(c.placeAt(t), "is nested more than %d deep", maxDepth)
		}
		if g.siblings() > maxSiblings {
			return broken(c.placeAt(t), "is a mapping of more than %d keys", maxSiblings)
		}
	}
	return nil
}

// guard counts what is open while it goes over the tokens.
type guard struct {
	line   int
	flow   int // brackets and braces
	opened int // blocks that this line opens: those of different lines differ in column
	blocks []block
}

// block is a block mapping that is open.
type block struct{ column, keys int }

func (g *guard) count(t, before *token.Token) {
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		g.flow++
	case token.MappingEndType, token.SequenceEndType:
		g.flow = max(0, g.flow-1)
	case token.MappingValueType:
		if g.flow == 0 {
			g.opened++
			g.key(before.Position.Column)
		}
	case token.SequenceEntryType:
		g.opened++
		g.close(t.Position.Column)
	case token.MappingKeyType, token.AnchorType, token.TagType:
		g.opened++
	}
}

// key counts a key that begins at a column.
func (g *guard) key(column int) {
	g.close(column)
	if n := len(g.blocks); n == 0 || g.blocks[n-1].column < column {
		g.blocks = append(g.blocks, block{column: column})
	}
	g.blocks[len(g.blocks)-1].keys++
}

// close ends the mappings to the right of a column.
func (g *guard) close(column int) {
	for n := len(g.blocks); n > 0 && g.blocks[n-1].column > column; n-- {
		g.blocks = g.blocks[:n-1]
	}
}

// siblings is the number of keys of the innermost mapping.
func (g *guard) siblings() int {
	if n := len(g.blocks); n > 0 {
		return g.blocks[n-1].keys
	}
	return 0
}
