package configs

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"500MB": 500 << 20, "2GB": 2 << 30, "1 TB": 1 << 40, "0MB": 0, "1048575TB": 1048575 << 40} {
		got, err := parseSize(text)
		if err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
		if again, err := parseSize(got.String()); err != nil || again != got {
			t.Errorf("%s: got %d, %v from %s", text, again, err, got)
		}
	}
	for _, text := range []string{"", "MB", "500", "-1GB", "1.5GB", "2gb", "9999999TB", "1GBx"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}
