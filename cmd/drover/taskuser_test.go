package main

import "testing"

func TestTaskUser(t *testing.T) {
	for text, good := range map[string]bool{
		"1000:1000": true, "65534:100": true,
		"": false, "1000": false, "nobody:nogroup": false, "-1:5": false, "0:1000": false, "1000:0": false,
		"1:2:3": false, "4294967295:4294967295": false, "99999999999:1": false,
	} {
		var u taskUser
		err := u.Set(text)
		if good != (err == nil) {
			t.Errorf("--task-user %q: %v", text, err)
		}
		if good && u.String() != text {
			t.Errorf("--task-user %q is read as %s", text, &u)
		}
		if !good && u.user != nil {
			t.Errorf("--task-user %q is refused, but sets %s", text, &u)
		}
	}
}
