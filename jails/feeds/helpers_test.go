package feeds

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// feedOf is a feed with the defaults of the main file.
func feedOf(name, source string) configs.Feed {
	c := configs.Feed{Name: name, Format: "auto", Interval: 6 * time.Hour, Use: "factor", Factor: 1.5, MaxEntries: 1000, Enabled: true}
	if strings.HasPrefix(source, "http") {
		c.URL = source
	} else {
		c.File = source
	}
	return c
}

// listing is what Listed yields for an address, such as "a=1500 b=2000".
func listing(f *Feeds, addr string) string {
	var got []string
	f.Listed(netip.MustParseAddr(addr), func(feed string, factor int32) bool {
		got = append(got, feed+"="+time.Duration(factor).String())
		return true
	})
	return strings.ReplaceAll(strings.Join(got, " "), "µs", "")
}

// once looks at every feed that is due, and at the kernel, without Run.
func once(f *Feeds) {
	for {
		s, asked := f.due()
		if s == nil {
			break
		}
		f.look(context.Background(), s, asked)
	}
	f.enforce()
}

// again makes every feed due.
func again(f *Feeds) {
	f.mu.Lock()
	for _, s := range f.feeds {
		s.next = time.Time{}
	}
	f.mu.Unlock()
	once(f)
}

func problem(f *Feeds, i int) string {
	if err := f.Status()[i].Problem; err != nil {
		if hint.Of(err) == "" {
			return err.Error() + ", and no hint"
		}
		return err.Error()
	}
	return ""
}

// server answers in place of the network, without any: time in a bubble stops
// still while the network is waited for.
type server struct {
	mu     sync.Mutex
	answer func(*http.Request) (status int, etag, body string)
	asked  []time.Time
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	status, etag, body := s.answer(req)
	if status == 0 {
		return nil, errors.New("no route to host")
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Etag": {etag}}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func (s *server) say(status int, etag, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func(req *http.Request) (int, string, string) {
		if etag != "" && req.Header.Get("If-None-Match") == etag {
			return http.StatusNotModified, etag, ""
		}
		return status, etag, body
	}
}

// waits are the times between the requests.
func (s *server) waits() (list []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i < len(s.asked); i++ {
		list = append(list, s.asked[i].Sub(s.asked[i-1]))
	}
	return list
}

// lists is an enforcer that holds lists, and fails when a test says so.
type lists struct {
	mu    sync.Mutex
	held  map[string][]netip.Prefix
	calls int
	fail  error
}

func (l *lists) Replace(name string, _ []ports.Range, prefixes []netip.Prefix) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls++; l.fail != nil {
		return l.fail
	}
	if l.held == nil {
		l.held = map[string][]netip.Prefix{}
	}
	if delete(l.held, name); len(prefixes) > 0 {
		l.held[name] = slices.Clone(prefixes)
	}
	return nil
}

func (l *lists) set(fail error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = fail
}

// want compares what is held, such as "a: 198.51.100.0/24 203.0.113.1/32".
func (l *lists) want(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var got []string
	for name, prefixes := range l.held {
		line := name + ":"
		for _, p := range prefixes {
			line += " " + p.String()
		}
		got = append(got, line)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}
