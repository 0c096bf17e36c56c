package feeds

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails"
)

var _ jails.Feeds = (*Feeds)(nil)

func TestListed(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := feedOf("a", file("a", "198.51.100.0/24\n2001:db8::/32\n"))
	b := feedOf("b", file("b", "198.51.100.7\n"))
	b.Factor, b.Use = 2, "both"
	ban := feedOf("ban", file("c", "198.51.100.0/24\n"))
	ban.Use = "ban"
	off := feedOf("off", file("d", "198.51.100.0/24\n"))
	off.Enabled = false
	f := New(Options{Dir: filepath.Join(dir, "copies")})
	f.Set([]configs.Feed{a, b, ban, off, feedOf("shipped", "shipped/ranges.txt")})
	once(f)
	for addr, want := range map[string]string{
		"198.51.100.7":        "a=1.5 b=2",
		"198.51.100.8":        "a=1.5",
		"::ffff:198.51.100.8": "a=1.5",
		"2001:db8:5::1":       "a=1.5",
		"198.51.101.8":        "",
		"185.243.5.9":         "shipped=1.5",
	} {
		if got := listing(f, addr); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	n := 0
	f.Listed(prefixes("198.51.100.7/32")[0].Addr(), func(string, int32) bool { n++; return false })
	if n != 1 {
		t.Errorf("got %d calls after false, want 1", n)
	}
	f.Set([]configs.Feed{b})
	if got := listing(f, "198.51.100.7"); got != "b=2" {
		t.Errorf("got %q without a", got)
	}
}

// TestHTTP is what servers do, over a real connection.
func TestHTTP(t *testing.T) {
	answer := func(http.ResponseWriter, *http.Request) {}
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer served.Close()
	f := New(Options{Dir: t.TempDir()})
	f.Set([]configs.Feed{feedOf("a", served.URL+"/list.txt")})

	var asked []string
	answer = func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match")+" "+r.Header.Get("If-Modified-Since"))
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprintln(w, "198.51.100.7")
	}
	once(f)
	again(f)
	if got, want := strings.Join(asked, "|"), ` |"one" Fri, 02 Jan 2026 03:04:05 GMT`; got != want || listing(f, "198.51.100.7") != "a=1.5" {
		t.Errorf("got requests %q, want %q", got, want)
	}
	if problem(f, 0) != "" {
		t.Errorf("got %s", problem(f, 0))
	}

	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"web page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>198.51.100.9") }, "a web page came instead of a list of addresses, so pbxjail does not use it"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "the feed has no addresses"},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "the server of the feed answers 403 Forbidden"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprintln(w, "198.51.100.9")
		}, "pbxjail cannot read the list to its end: unexpected EOF"},
		{"too long", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("198.51.100.9\n", 2<<20)) }, "the list of the feed is larger than 16 MiB, and is not used"},
		{"too many", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 1001 {
				fmt.Fprintf(w, "198.51.%d.%d\n", i/256, i%256)
			}
		}, "the feed has more than 1000 entries, and the new list is not used"},
		{"round and round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }, "the url of the feed redirects more than 5 times, and pbxjail does not follow"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "the url of the feed redirects to an address that is neither http nor https"},
	} {
		answer = c.answer
		again(f)
		if got := problem(f, 0); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if got := listing(f, "198.51.100.7"); got != "a=1.5" {
			t.Errorf("%s: got %q, want the last good list", c.name, got)
		}
	}

	answer = func(w http.ResponseWriter, r *http.Request) { w.Write(packed(t, "198.51.100.8\n")) }
	again(f)
	if got := listing(f, "198.51.100.8") + listing(f, "198.51.100.7"); got != "a=1.5" || problem(f, 0) != "" {
		t.Errorf("got %q, %s, want the new list", got, problem(f, 0))
	}
	text := "198.51.100.9\n"
	answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed(t, text))
	}
	again(f)
	if got := listing(f, "198.51.100.9"); got != "a=1.5" || problem(f, 0) != "" {
		t.Errorf("got %q, %s, want what was packed on the way", got, problem(f, 0))
	}
	text = strings.Repeat("\n", 2*maxBytes)
	again(f)
	if got := problem(f, 0); got != "the list of the feed is larger than 16 MiB, and is not used" {
		t.Errorf("got %q", got)
	}
}

// TestTLS: a server without a valid certificate is not believed, and an encrypted feed
// does not become an open one on the way.
func TestTLS(t *testing.T) {
	open := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "198.51.100.7") }))
	defer open.Close()
	closed := httptest.NewUnstartedServer(http.RedirectHandler(open.URL, http.StatusFound))
	closed.Config.ErrorLog = log.New(io.Discard, "", 0)
	closed.StartTLS()
	defer closed.Close()
	f := New(Options{Dir: t.TempDir()})
	f.Set([]configs.Feed{feedOf("a", closed.URL)})
	once(f)
	if got := problem(f, 0); !strings.HasPrefix(got, "pbxjail cannot fetch the list: tls: failed to verify certificate") {
		t.Errorf("got %q", got)
	}
	f = New(Options{Dir: t.TempDir(), Transport: closed.Client().Transport})
	f.Set([]configs.Feed{feedOf("a", closed.URL)})
	once(f)
	if got := problem(f, 0); got != "the url of the feed redirects from https to http, where others can change the list on its way; pbxjail does not follow" {
		t.Errorf("got %q", got)
	}
}

// TestRestart: a start without network has what the last run had.
func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "feeds")
	net := &server{}
	net.say(200, `"v1"`, "198.51.100.0/24\n2001:db8::/48\n")
	c := feedOf("a", "https://feeds.example/list")
	f := New(Options{Dir: dir, Transport: net})
	f.Set([]configs.Feed{c})
	once(f)
	info, err := os.Stat(filepath.Join(dir, "a.list"))
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("got %v, %v, want a file of our own alone", info, err)
	}

	down := &server{}
	down.say(0, "", "")
	f = New(Options{Dir: dir, Transport: down})
	f.Set([]configs.Feed{c})
	if got := listing(f, "198.51.100.7") + listing(f, "2001:db8::1"); got != "a=1.5a=1.5" {
		t.Errorf("got %q after a start", got)
	}
	once(f)
	if n := len(down.asked); n != 0 {
		t.Errorf("got %d requests, want none: the copy is fresh", n)
	}
	again(f)
	if got := problem(f, 0); got != "pbxjail cannot fetch the list: no route to host" || listing(f, "198.51.100.7") != "a=1.5" {
		t.Errorf("got %q, %q", got, listing(f, "198.51.100.7"))
	}

	// The tag outlives the restart too, and 304 makes the copy fresh again.
	old := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a.list"), old, old); err != nil {
		t.Fatal(err)
	}
	net.asked = nil
	f = New(Options{Dir: dir, Transport: net})
	f.Set([]configs.Feed{c})
	if st := f.Status()[0]; time.Since(st.Checked) < 23*time.Hour || st.List.Format != "text" {
		t.Errorf("got %+v", st)
	}
	once(f)
	if info, err := os.Stat(filepath.Join(dir, "a.list")); err != nil || len(net.asked) != 1 || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("got %v, %v after %d requests", info, err, len(net.asked))
	}
}

// TestCopies: what is not a sound copy of this very feed is not used, and one of a
// feed that is no more goes.
func TestCopies(t *testing.T) {
	dir := t.TempDir()
	net := &server{}
	net.say(200, `"v1"`, "198.51.100.0/24\n")
	c := feedOf("a", "https://feeds.example/list")
	f := New(Options{Dir: dir, Transport: net})
	f.Set([]configs.Feed{c})
	once(f)
	path := filepath.Join(dir, "a.list")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c2 := range []struct {
		name, text string
		feed       configs.Feed
		want       string
	}{
		{"sound", string(sound), c, "a=1.5"},
		{"other source", string(sound), feedOf("a", "https://feeds.example/other"), ""},
		{"empty", "", c, ""},
		{"cut in the head", string(sound[:60]), c, ""},
		{"cut before the list", strings.TrimSuffix(string(sound), "198.51.100.0/24\n"), c, ""},
		{"rubbish", string(sound) + "\x00\x00\x00\n", c, ""},
		{"by hand", "198.51.100.0/24\n", c, ""},
		{"only comments", copyHead + strings.Repeat("# a\n", 1000), c, ""},
	} {
		if err := os.WriteFile(path, []byte(c2.text), 0o600); err != nil {
			t.Fatal(err)
		}
		f := New(Options{Dir: dir})
		f.Set([]configs.Feed{c2.feed})
		if got := listing(f, "198.51.100.7"); got != c2.want {
			t.Errorf("%s: got %q, want %q", c2.name, got, c2.want)
		}
	}
	f = New(Options{Dir: dir})
	f.Set(nil)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want the copy gone", err)
	}
}

// A copy that cannot be written is reported, and the list holds all the same.
func TestNoDisk(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(Options{Dir: filepath.Join(blocked, "feeds")})
	f.Set([]configs.Feed{feedOf("a", "shipped/ranges.txt")})
	once(f)
	if got := problem(f, 0); !strings.HasPrefix(got, "pbxjail cannot save its copy of the feed on the disk. ") || listing(f, "185.243.5.1") != "a=1.5" {
		t.Errorf("got %q, %q", got, listing(f, "185.243.5.1"))
	}
}

// TestFile: a file is read when it changes; one that breaks leaves what it said.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.txt")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := New(Options{Dir: t.TempDir()})
	f.Set([]configs.Feed{feedOf("a", path)})
	once(f)
	if got := problem(f, 0); !strings.Contains(got, "no such file") {
		t.Errorf("got %q", got)
	}
	write("198.51.100.7\n")
	again(f)
	first := f.Status()[0].List
	again(f)
	if listing(f, "198.51.100.7") != "a=1.5" || problem(f, 0) != "" || f.Status()[0].List != first {
		t.Errorf("got %q, %q, want it read once", listing(f, "198.51.100.7"), problem(f, 0))
	}
	for range 2 { // the second look finds the same file, and it is no better
		write("<html>\n")
		again(f)
		again(f)
		if listing(f, "198.51.100.7") != "a=1.5" || problem(f, 0) != "a web page came instead of a list of addresses, so pbxjail does not use it" {
			t.Errorf("got %q, %q", listing(f, "198.51.100.7"), problem(f, 0))
		}
	}
	write("198.51.100.70\n")
	again(f)
	if listing(f, "198.51.100.7") != "" || listing(f, "198.51.100.70") != "a=1.5" || problem(f, 0) != "" {
		t.Errorf("got %q, want the new file", problem(f, 0))
	}
}

func TestSource(t *testing.T) {
	for url, want := range map[string]string{
		"https://lists.blocklist.de/lists/sip.txt":                        "https://lists.blocklist.de/lists/sip.txt",
		"https://user:password@feeds.example:8443/a.txt?key=abc":          "https://feeds.example:8443/a.txt?...",
		"https://apiban.example/api/0123456789abcdef0123456789abcdef/ban": "https://apiban.example/api/.../ban",
	} {
		if got := Source(configs.Feed{URL: url}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := Source(configs.Feed{File: "/etc/bad.txt"}); got != "/etc/bad.txt" {
		t.Errorf("got %s", got)
	}
}

// No error tells the address of a feed: it may hold a key.
func TestErrorsKeepTheKey(t *testing.T) {
	net := &server{}
	net.say(0, "", "")
	f := New(Options{Dir: t.TempDir(), Transport: net})
	f.Set([]configs.Feed{feedOf("a", "https://feeds.example/geheim/list?key=geheim")})
	once(f)
	if got := problem(f, 0); got == "" || strings.Contains(got, "geheim") {
		t.Errorf("got %q", got)
	}
}
