package feeds

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

func parseFile(t *testing.T, name, format string) (*List, error) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return Parse(f, format, 0)
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		file, format, want string
		prefixes           string
		counts             string // entries, masked, dropped, refused
	}{
		{"blocklist-de.txt", "", "text", "198.51.100.23/32 198.51.100.108/32 203.0.113.77/32 2001:db8:4:19::b2/128", "5 0 0 0"},
		{"voipbl.txt", "auto", "text", "192.0.2.0/24 198.51.100.4/32 203.0.113.128/25", "3 1 0 0"},
		{"spamhaus-drop.txt", "text", "text", "198.51.100.0/24 203.0.113.0/24 2001:db8:1::/48", "3 0 0 0"},
		{"spamhaus-drop.json", "", "json-lines", "198.51.100.0/24 203.0.113.0/24 2001:db8:1::/48", "3 0 0 0"},
		{"spamhaus-drop.json", "json-lines", "json-lines", "198.51.100.0/24 203.0.113.0/24 2001:db8:1::/48", "3 0 0 0"},
		{"apiban.json", "", "apiban", "198.51.100.9/32 203.0.113.14/32 203.0.113.200/32", "3 0 0 0"},
		{"apiban.json", "apiban", "apiban", "198.51.100.9/32 203.0.113.14/32 203.0.113.200/32", "3 0 0 0"},
		{"plain.txt", "", "text", "192.0.2.1/32 192.0.2.128/25 198.51.100.1/32 198.51.100.2/32 198.51.100.3/32 198.51.100.4/32 198.51.100.5/32 198.51.100.6/32 " +
			"198.51.100.16/29 198.51.100.32/30 203.0.113.0/26 203.0.113.64/26 2001:db8::1/128", "13 1 6 17"},
	} {
		list, err := parseFile(t, c.file, c.format)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if got := strings.Trim(fmt.Sprint(list.Prefixes), "[]"); list.Format != c.want || got != c.prefixes {
			t.Errorf("%s: got %s %s\nwant %s %s", c.file, list.Format, got, c.want, c.prefixes)
		}
		if got := fmt.Sprint(list.Entries, list.Masked, list.Dropped, list.Refused); got != c.counts {
			t.Errorf("%s: got %s, want %s", c.file, got, c.counts)
		}
	}
}

// What is odd is reported by line, and never as it was written.
func TestNotes(t *testing.T) {
	list, err := parseFile(t, "plain.txt", "")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, n := range list.Notes {
		fmt.Fprintf(&got, "%d: %s\n", n.Line, n.What)
	}
	want := `12: "203.0.113.64/255.255.255.191" has a wrong netmask
13: "203.0.113.99/26" is not the start of a network: read as 203.0.113.64/26
16: "198.51.100.9-198.51.100.8" is a range that ends before it begins
20: "fe80::1%eth0" is a link-local address (it has a zone after %)
21: "198.51.100.7:5060" has a port; write the address alone
22: "[2001:db8::2]:5060" has a port; write the address alone
23: "scanner.example.net" is a name; pbxjail looks up no names in feeds
24: "198.51.100.007" is not an address
25: "198.51.100" is not an address
26: "0.0.0.0/0" is too large a network: at most /8 of IPv4 and /16 of IPv6 are used
27: "::/0" is too large a network: at most /8 of IPv4 and /16 of IPv6 are used
32: "127.0.0.1" is not an address of the public internet
33: "224.0.0.5" is not an address of the public internet
34: "255.255.255.255" is not an address of the public internet
35: "10.1.2.3" is not an address of the public internet
36: "192.168.0.0/16" is not an address of the public internet
37: "fd00::1" is not an address of the public internet
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	quoted, err := Parse(strings.NewReader("192.0.2.1\n\x1b[2J\u202e\x80\n"), "", 0)
	if err != nil || len(quoted.Notes) != 1 || quoted.Notes[0].What != `"\x1b[2J\u202e\x80" is not an address` {
		t.Errorf("got %+v, %v", quoted, err)
	}
}

func TestRefusedAsAWhole(t *testing.T) {
	var slash8 strings.Builder
	for i := range 33 {
		fmt.Fprintf(&slash8, "%d.0.0.0/8\n", 20+i)
	}
	page, err := os.ReadFile("testdata/page.html")
	if err != nil {
		t.Fatal(err)
	}
	nothing, err := os.ReadFile("testdata/apiban-nothing.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, format, want string }{
		{"empty", "", "", "the feed has no addresses"},
		{"comments", "# nothing today\n", "", "the feed has no addresses"},
		{"page", string(page), "", "a web page came instead of a list of addresses, so pbxjail does not use it"},
		{"page as text", string(page), "text", "a web page came instead of a list of addresses, so pbxjail does not use it"},
		{"nothing new", string(nothing), "", "the feed has no addresses"},
		{"other JSON", `{"error": "invalid key"}`, "", "this is not an answer of apiban.org: the key ipaddress is missing"},
		{"other shape", `{"ipaddress": {"a": 1}}`, "", "this is not an answer of apiban.org: the JSON has other keys than expected"},
		{"cut JSON", `{"ipaddress": ["192.0.2.1"`, "", "this is not an answer of apiban.org: the text is not JSON"},
		{"text as apiban", "192.0.2.1\n", "apiban", "this is not an answer of apiban.org: the text is not JSON"},
		{"internet", slash8.String(), "", "the list has more than an eighth of all addresses of the internet, so pbxjail does not use the list"},
		{"internet six", "2000::/4\n2000::/16\n" + six(), "", "the list has more than an eighth of all addresses of the internet, so pbxjail does not use the list"},
		{"packed badly", "\x1f\x8bnonsense", "", "pbxjail cannot unpack the list: gzip: invalid header"},
		{"long", strings.Repeat("# 192.0.2.1\n", maxBytes/12+2), "", "the list of the feed is larger than 16 MiB, and is not used"},
	} {
		_, err := Parse(strings.NewReader(c.text), c.format, 0)
		if err == nil || err.Error() != c.want || hint.Of(err) == "" {
			t.Errorf("%s: got %v, want %s, and a hint", c.name, err, c.want)
		}
	}
	if _, err := Parse(strings.NewReader("192.0.2.1\n192.0.2.2\n192.0.2.3\n"), "", 2); err == nil || err.Error() != "the feed has more than 2 entries, and the new list is not used" {
		t.Errorf("got %v, want too many entries", err)
	}
}

// six lists more than a quarter of 2000::/3 in networks that are not too wide.
func six() string {
	var b strings.Builder
	for i := range 2100 {
		fmt.Fprintf(&b, "%x::/16\n", 0x2000+i)
	}
	return b.String()
}

func TestLongLine(t *testing.T) {
	list, err := Parse(strings.NewReader("192.0.2.1\n192.0.2.2"+strings.Repeat(" ", maxLine)+"3\n"+"#"+strings.Repeat("x", 2*maxLine)+"\n192.0.2.4\n"), "", 0)
	if err != nil || list.Refused != 1 || list.Entries != 2 || list.Lines != 4 {
		t.Errorf("got %+v, %v", list, err)
	}
}

func packed(t testing.TB, text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A packed feed is bounded by what it unpacks to.
func TestPacked(t *testing.T) {
	list, err := Parse(bytes.NewReader(packed(t, "192.0.2.1\n")), "", 0)
	if err != nil || len(list.Prefixes) != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
	bomb := packed(t, strings.Repeat("\n", 4*maxBytes))
	if len(bomb) > 1<<20 {
		t.Fatalf("got a bomb of %d bytes, want a small one", len(bomb))
	}
	if _, err := Parse(bytes.NewReader(bomb), "", 0); err == nil || err.Error() != "the list of the feed is larger than 16 MiB, and is not used" {
		t.Errorf("got %v", err)
	}
}
