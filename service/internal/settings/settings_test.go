package settings_test

import (
	"testing"
	"time"

	"bookservice/service/internal/settings"
)

func TestError(t *testing.T) {
	tests := []struct {
		name    string
		value   any
		allowed string
		want    string
	}{
		{"text", `a "b"`, "one of a, b", `-text "a \"b\"": must be one of a, b`},
		{"text", "", "a path", `-text "": must be a path`},
		{"wait", 1500 * time.Millisecond, "2s or more", "-wait 1.5s: must be 2s or more"},
		{"count", 0, "1 or more", "-count 0: must be 1 or more"},
		{"share", 1.5, "from 0 to 1", "-share 1.5: must be from 0 to 1"},
	}
	for _, tt := range tests {
		err := settings.NewError(tt.name, tt.value, tt.allowed)
		if err.Error() != tt.want || err.Setting() != tt.name {
			t.Errorf("have %q of setting %q, want %q of %q", err, err.Setting(), tt.want, tt.name)
		}
	}
}
