package signal

import (
	"fmt"
	"strconv"
	"strings"
)

// at follows a path of names and positions, such as data.0.intensity.forecast, into
// decoded JSON. "" is the whole.
func at(v any, path string) (any, error) {
	if path == "" {
		return v, nil
	}
	for _, key := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[key]
			if !ok {
				return nil, fmt.Errorf("the answer has no %s (looking for %s)", key, path)
			}
			v = next
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(in) {
				return nil, fmt.Errorf("the answer's list has no entry %s (looking for %s)", key, path)
			}
			v = in[i]
		default:
			return nil, fmt.Errorf("the answer ends before %s (looking for %s)", key, path)
		}
	}
	return v, nil
}

// list is a path that must lead to a list.
func list(v any, path string) ([]any, error) {
	found, err := at(v, path)
	if err != nil {
		return nil, err
	}
	l, ok := found.([]any)
	if !ok {
		return nil, fmt.Errorf("%s in the answer is no list", path)
	}
	return l, nil
}
