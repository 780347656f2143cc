package api

import "fmt"

const digestPrefix = "sha256:"

// ParseDigest reads "sha256:" and 64 hexadecimal digits in small letters.
func ParseDigest(s string) (Digest, error) {
	if d := Digest(s); d.Valid() {
		return d, nil
	}
	return "", fmt.Errorf("%s is not a digest; write sha256: and 64 hexadecimal digits in small letters", quote(s))
}

// Valid reports whether d has the canonical form. The content of two artifacts
// is equal exactly when their digests are.
func (d Digest) Valid() bool {
	return len(d) == len(digestPrefix)+64 && d[:len(digestPrefix)] == digestPrefix && isHex(string(d[len(digestPrefix):]))
}

// Hex is the hexadecimal part of a valid digest, for file names; "" of an
// invalid one.
func (d Digest) Hex() string {
	if !d.Valid() {
		return ""
	}
	return string(d[len(digestPrefix):])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
