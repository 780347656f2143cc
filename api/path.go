package api

import "strconv"

// PathKey extends the path of a FieldError by a field or a key of a map:
// "tasks[1].env" and "HOME" give tasks[1].env.HOME; a key with other signs than
// letters, digits, "-" and "_" is quoted: env["a b"].
func PathKey(path, key string) string {
	if !plainKey(key) {
		return path + "[" + quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// PathAt extends the path of a FieldError by a position in a list: "tasks" and 1
// give tasks[1].
func PathAt(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func plainKey(key string) bool {
	if key == "" || len(key) > 64 {
		return false
	}
	for i := range len(key) {
		if c := key[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
