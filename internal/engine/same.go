package engine

import "reflect"

// same reports whether two values are equal once they have been through the
// journal, where an empty list or map and none are one.
func same[T any](a, b T) bool { return alike(reflect.ValueOf(a), reflect.ValueOf(b)) }

func alike(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return a.Pointer() == b.Pointer() || alike(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		return a.Len() == b.Len() && alikeItems(a, b)
	case reflect.Map:
		return a.Len() == b.Len() && alikeEntries(a, b)
	}
	return a.Equal(b)
}

func alikeItems(a, b reflect.Value) bool {
	for i := range a.Len() {
		if !alike(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func alikeEntries(a, b reflect.Value) bool {
	for _, k := range a.MapKeys() {
		if v := b.MapIndex(k); !v.IsValid() || !alike(a.MapIndex(k), v) {
			return false
		}
	}
	return true
}
