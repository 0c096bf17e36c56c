package daemon

import "testing"

// TestUnwritable: only what cannot be written to is given back.
func TestUnwritable(t *testing.T) {
	for _, c := range []struct {
		line        string
		begin, size uintptr
	}{
		{"00400000-00c28000 r-xp 00000000 fe:00 1234                             /usr/sbin/pbxjail", 0x400000, 0x828000},
		{"00c28000-01423000 r--p 00828000 fe:00 1234                             /usr/sbin/pbxjail", 0xc28000, 0x7fb000},
		{"01423000-01725000 rw-p 01023000 fe:00 1234                             /usr/sbin/pbxjail", 0, 0},
		{"00c28000-01423000 r--s 00828000 fe:00 1234                             /usr/sbin/pbxjail", 0, 0},
		{"7f1000000000-7f1000021000 r--p 00000000 00:00 0", 0, 0},
		{"7f1000000000-7f1000021000 r--p 00000000 fe:00 1                        /usr/lib/libc.so.6", 0, 0},
		{"01423000-00c28000 r--p 00828000 fe:00 1234                             /usr/sbin/pbxjail", 0, 0},
		{"", 0, 0},
	} {
		begin, size, ok := unwritable(c.line, "/usr/sbin/pbxjail")
		if begin != c.begin || size != c.size || ok != (c.size > 0) {
			t.Errorf("%q: got %x, %x, %t, want %x, %x", c.line, begin, size, ok, c.begin, c.size)
		}
	}
}
