package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

type other struct{ error }

func (other) Hint() string { return "of another package" }

func TestHint(t *testing.T) {
	tests := []struct {
		name       string
		err        error
		text, want string
	}{
		{"new", New("do this", "it failed"), "it failed", "do this"},
		{"errorf", Errorf("do this", "read %s: %w", "x", fs.ErrNotExist), "read x: file does not exist", "do this"},
		{"add", Add("do this", fs.ErrNotExist), "file does not exist", "do this"},
		{"wrapped", fmt.Errorf("start: %w", New("do this", "it failed")), "start: it failed", "do this"},
		{"the first one counts", Add("do this", New("do that", "it failed")), "it failed", "do this"},
		{"joined", errors.Join(errors.New("one"), New("do this", "two")), "one\ntwo", "do this"},
		{"of another package", other{errors.New("it failed")}, "it failed", "of another package"},
		{"none", errors.New("it failed"), "it failed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.text {
				t.Errorf("got text %q, want %q", got, tt.text)
			}
			if got := Of(tt.err); got != tt.want {
				t.Errorf("got hint %q, want %q", got, tt.want)
			}
		})
	}
	if !errors.Is(Errorf("do", "x: %w", fs.ErrNotExist), fs.ErrNotExist) || !errors.Is(Add("do", fs.ErrNotExist), fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if Add("do this", nil) != nil || Of(nil) != "" {
		t.Error("nil does not stay nil")
	}
}

func TestLine(t *testing.T) {
	four := errors.Join(errors.New("no space"), errors.New("no space"), errors.New("other"), errors.New("no space"))
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"one", "one"},
		{"one\ntwo", "one; two"},
		{fmt.Errorf("cannot list: %w", four).Error(), "cannot list: no space; other"},
	} {
		if got := Line(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}
