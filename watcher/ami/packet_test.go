package ami

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func packets(t *testing.T, text string) (list []string, passed uint64) {
	t.Helper()
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
		in := newReader(r)
		var got []string
		for {
			packet, err := in.next()
			if err != nil {
				break
			}
			got = append(got, string(packet))
		}
		if name == "byte by byte" && strings.Join(got, "|") != strings.Join(list, "|") && list != nil {
			t.Errorf("got %q, and in one piece %q", got, list)
		}
		list, passed = got, in.passed
	}
	return list, passed
}

func TestPackets(t *testing.T) {
	long := "Event: Long\r\nText: " + strings.Repeat("x", maxPacket) + "\r\n\r\n"
	for _, c := range []struct {
		name, text string
		want       []string
		passed     uint64
	}{
		{"two", "Event: A\r\nX: 1\r\n\r\nEvent: B\r\n\r\n", []string{"Event: A\r\nX: 1\r\n", "Event: B\r\n"}, 0},
		{"empty lines before one", "\r\n\r\nEvent: A\r\n\r\n", []string{"Event: A\r\n"}, 0},
		{"one without an end", "Event: A\r\n", nil, 0},
		{"a line end without CR is part of a line", "Event: A\nX: 1\n\n\r\n\r\n", []string{"Event: A\nX: 1\n\n\r\n"}, 0},
		{"one that is too long", long + "Event: B\r\n\r\n", []string{"Event: B\r\n"}, 1},
		{"a line without an end", strings.Repeat("y", 3*maxPacket), nil, 0},
		{"lines without an end", strings.Repeat("a: b\r\n", maxPacket), nil, 0},
		{"too long, with CR and LF apart", strings.Repeat("z", maxPacket+1) + "\r" + strings.Repeat("z", 16<<10-1) + "\r\n\r\nEvent: B\r\n\r\n", []string{"Event: B\r\n"}, 1},
	} {
		got, passed := packets(t, c.text)
		if strings.Join(got, "|") != strings.Join(c.want, "|") || passed != c.passed {
			t.Errorf("%s: got %.200q, %d too long, want %q, %d", c.name, got, passed, c.want, c.passed)
		}
	}
}

func TestGreeting(t *testing.T) {
	for text, want := range map[string]string{
		"Asterisk Call Manager/7.0.3\r\n":                             "7.0.3",
		"SSH-2.0-OpenSSH_9.2\r\n":                                     "",
		strings.Repeat("Asterisk Call Manager/", 10_000):              "",
		"Asterisk Call Manager/1" + strings.Repeat("1", 300) + "\r\n": "",
	} {
		got, err := newReader(strings.NewReader(text)).greeting()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.40q: got %q, %v", text, got, err)
		}
	}
}

// FuzzPackets: whatever comes, a packet is whole lines without an empty one among them, is
// not too long, and is a part of what came.
func FuzzPackets(f *testing.F) {
	f.Add([]byte("Event: A\r\nX: 1\r\n\r\nResponse: Success\r\nActionID: 1\r\n\r\n"))
	f.Add([]byte("\r\n\r\n\n\r\r\n"))
	f.Add([]byte("0123456789012345678901234567890123456789\r\n\r\nEvent: B\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := newReader(bytes.NewReader(b))
		in.most = 32
		for {
			packet, err := in.next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if len(packet) == 0 || len(packet) > in.most || !bytes.HasSuffix(packet, lineEnd) {
				t.Fatalf("got %q", packet)
			}
			if bytes.HasPrefix(packet, lineEnd) || bytes.Contains(packet, []byte("\r\n\r\n")) {
				t.Fatalf("%q holds an empty line", packet)
			}
			if !bytes.Contains(b, packet) {
				t.Fatalf("%q did not come", packet)
			}
			if v := field(packet, "Event"); v != nil && !bytes.Contains(packet, v) {
				t.Fatalf("%q is no part of %q", v, packet)
			}
		}
	})
}
