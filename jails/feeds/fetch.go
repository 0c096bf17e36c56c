package feeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

const (
	fetchTime    = time.Minute // of one download, from the first byte to the last
	dialTime     = 30 * time.Second
	maxRedirects = 5
	maxTag       = 512 // bytes of an ETag or a date
)

// question is what a source is asked.
type question struct {
	feed  configs.Feed
	tag   tag
	known bool // there is a list that the tag is of
}

// fileStamp changes when a file does. The zero value is of no file.
type fileStamp struct {
	size int64
	time int64 // unix ns
}

// newClient makes the client of all feeds: only http and https, TLS verified, no
// cookies, headers and redirects bounded.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxResponseHeaderBytes = 64 << 10
		t.DisableKeepAlives = true // hours lie between two requests
		t.DialContext = (&net.Dialer{Timeout: dialTime, ControlContext: checkDial}).DialContext
		transport = t
	}
	return &http.Client{Transport: transport, Timeout: fetchTime, CheckRedirect: checkRedirect}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return hint.Errorf(finalURL, "the url of the feed redirects more than %d times, and pbxjail does not follow", maxRedirects)
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return hint.Errorf("write another url for this feed into the main file; then: jailctl reload", "the url of the feed redirects to an address that is neither http nor https")
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return hint.Errorf("write another https url for this feed into the main file; then: jailctl reload", "the url of the feed redirects from https to http, where others can change the list on its way; pbxjail does not follow")
	case inside(via[0].URL.Hostname()): // the operator named a server of the own network
		return nil
	case inside(req.URL.Hostname()):
		return errInside
	}
	if proxy, _ := http.ProxyFromEnvironment(req); proxy == nil { // what a name leads to is known when it is dialled
		*req = *req.WithContext(context.WithValue(req.Context(), redirected{}, true))
	}
	return nil
}

// finalURL is what to do about redirects that pbxjail does not follow.
const finalURL = "open the url in a browser, and write the last address that it leads to as the url of this feed into the main file; then: jailctl reload"

// errInside refuses a list whose server sends us into our own network.
var errInside error = hint.New(finalURL+". A private address is allowed in the main file", "the url of the feed redirects to this machine or to a private address, and pbxjail does not follow")

// redirected marks the context of a request that a server sent us to.
type redirected struct{}

// checkDial refuses to follow a redirect to an address that no server of others has.
func checkDial(ctx context.Context, _, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err == nil && ctx.Value(redirected{}) != nil && inside(host) {
		return errInside
	}
	return nil
}

// inside reports whether a host is this machine, or in a private network, as far as its
// text tells.
func inside(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
	}
	a = a.Unmap().WithZone("")
	return never.Contains(a)
}

// ask looks at the source of a feed. An error that comes with the tag of a file is
// about what is in it.
func (f *Feeds) ask(ctx context.Context, q question) (answer, error) {
	switch {
	case q.feed.URL != "":
		return f.fetch(ctx, q)
	case strings.HasPrefix(q.feed.File, "/"):
		return readFile(q)
	}
	return readShipped(q)
}

func (f *Feeds) fetch(ctx context.Context, q question) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.feed.URL, nil)
	if err != nil {
		return answer{}, hint.Errorf("correct the url of this feed in the main file, such as https://lists.blocklist.de/lists/sip.txt; then: jailctl reload", "the url of the feed is not valid")
	}
	req.Header.Set("User-Agent", "pbxjail")
	if q.known {
		setHeader(req, "If-None-Match", q.tag.etag)
		setHeader(req, "If-Modified-Since", q.tag.modified)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return answer{}, unreachable(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && q.known:
		return answer{same: true}, nil
	case resp.StatusCode != http.StatusOK:
		return answer{}, hint.Errorf("pbxjail tries again by itself, and the last good list stays in use. If this lasts for days: open the url in a browser; if the list has moved, write its new url into the main file; then: jailctl reload", "the server of the feed answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	got := answer{tag: tag{etag: short(resp.Header.Get("ETag")), modified: short(resp.Header.Get("Last-Modified"))}}
	got.list, err = Parse(resp.Body, q.feed.Format, q.feed.MaxEntries)
	return got, err
}

func setHeader(req *http.Request, key, value string) {
	if value != "" {
		req.Header.Set(key, value)
	}
}

func short(tag string) string {
	if len(tag) > maxTag {
		return ""
	}
	return tag
}

// unreachable leaves the address out, which may hold a key.
func unreachable(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
		if hint.Of(err) != "" {
			return err
		}
	}
	return hint.Errorf("pbxjail tries again by itself, and the last good list stays in use. Check the network of this machine, and the url of the feed in the main file", "pbxjail cannot fetch the list: %w", err)
}

func readFile(q question) (answer, error) {
	// Asked before opening: opening a named pipe would wait for its writer.
	info, err := os.Stat(q.feed.File)
	if err == nil && !info.Mode().IsRegular() {
		return answer{}, hint.Errorf("write file: PATH of a text file below this feed in the main file; then: jailctl reload", "%s is a folder, a device or a pipe, not a text file", q.feed.File)
	}
	var file *os.File
	if err == nil {
		file, err = os.Open(q.feed.File)
	}
	if err != nil {
		do := "put the list at this path, or correct file: PATH of this feed in the main file; pbxjail tries again by itself"
		if errors.Is(err, fs.ErrPermission) {
			do = hint.Readable(q.feed.File) + "; pbxjail tries again by itself"
		}
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err
		}
		return answer{}, hint.Errorf(do, "%s: %w", q.feed.File, err)
	}
	defer file.Close()
	return readOnce(q, fileStamp{info.Size(), info.ModTime().UnixNano()}, file)
}

func readShipped(q question) (answer, error) {
	data, ok := configs.ShippedFeed(q.feed.File)
	if !ok {
		return answer{}, hint.Errorf("write another file: PATH for this feed into the main file; then: jailctl reload", "this list does not come with pbxjail: %w", fs.ErrNotExist)
	}
	return readOnce(q, fileStamp{size: int64(len(data))}, strings.NewReader(string(data)))
}

// readOnce reads a file that is not as it was.
func readOnce(q question, stamp fileStamp, in io.Reader) (answer, error) {
	if stamp == q.tag.file {
		return answer{same: true, tag: q.tag}, nil
	}
	list, err := Parse(in, q.feed.Format, q.feed.MaxEntries)
	return answer{list: list, tag: tag{file: stamp}}, err
}

// secret is a part of a path that looks like a key: apiban.org has it there.
var secret = regexp.MustCompile(`^[A-Za-z0-9_~-]{16,}$`)

// Source is where a feed comes from, for people: without a password, a query, or
// what looks like a key.
func Source(c configs.Feed) string {
	if c.URL == "" {
		return c.File
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return "?"
	}
	parts := strings.Split(u.EscapedPath(), "/")
	for i, p := range parts {
		if secret.MatchString(p) {
			parts[i] = "..."
		}
	}
	query := ""
	if u.RawQuery != "" {
		query = "?..."
	}
	return fmt.Sprintf("%s://%s%s%s", u.Scheme, u.Host, strings.Join(parts, "/"), query)
}
