package metrics

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/configs/hint"
)

func newServer(figures func(time.Time) Figures) *Server {
	return New(Options{Figures: figures, Log: slog.New(slog.DiscardHandler)})
}

func get(s *Server, method, path, accept string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	s.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	s := newServer(func(time.Time) Figures { return busy() })
	for _, c := range []struct {
		method, path, accept string
		status               int
		kind, has, last      string
	}{
		{"GET", "/metrics", "", 200, "text/plain; version=0.0.4", "pbxjail_enforcing 1\n", "\n"},
		{"GET", "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", 200, "application/openmetrics-text; version=1.0.0", "pbxjail_log_lines_total{", "# EOF\n"},
		{"GET", "/metrics", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", 200, "text/plain", "process_resident_memory_bytes", "\n"},
		{"GET", "/metrics", "*/*", 200, "text/plain", "go_goroutines", "\n"},
		{"HEAD", "/metrics", "", 200, "text/plain", "", ""},
		{"POST", "/metrics", "", 405, "text/plain", "use GET", "\n"},
		{"DELETE", "/metrics", "", 405, "text/plain", "use GET", "\n"},
		{"GET", "/", "", 404, "text/plain", "/metrics", "\n"},
		{"GET", "/debug/vars", "", 404, "text/plain", "/metrics", "\n"},
		{"GET", "/debug/pprof/", "", 404, "text/plain", "/metrics", "\n"},
	} {
		w := get(s, c.method, c.path, c.accept)
		body := w.Body.String()
		if w.Code != c.status || !strings.HasPrefix(w.Header().Get("Content-Type"), c.kind) || !strings.Contains(body, c.has) || !strings.HasSuffix(body, c.last) {
			t.Errorf("%s %s (%s): got %d, %q\n%.300s", c.method, c.path, c.accept, w.Code, w.Header().Get("Content-Type"), body)
		}
		if c.method == "HEAD" && body != "" {
			t.Errorf("got a body for HEAD: %q", body)
		}
	}
}

// Many scrapes cost the daemon no more than one a second.
func TestFiguresAreTakenOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := 0
		s := newServer(func(time.Time) Figures { taken++; return busy() })
		for range 50 {
			get(s, "GET", "/metrics", "")
			get(s, "GET", "/metrics", "application/openmetrics-text")
		}
		if taken != 1 {
			t.Errorf("got figures taken %d times at once", taken)
		}
		time.Sleep(freshFor)
		get(s, "GET", "/metrics", "")
		if taken != 2 {
			t.Errorf("got figures taken %d times, want them again after a second", taken)
		}
	})
}

// A mistake of ours is an answer, and no end of the daemon.
func TestMistake(t *testing.T) {
	s := newServer(func(time.Time) Figures { panic("index out of range") })
	if w := get(s, "GET", "/metrics", ""); w.Code != http.StatusInternalServerError {
		t.Errorf("got %d", w.Code)
	}
}

// run starts a server, and stops it with the test.
func run(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// read reads the metrics from where a server listens.
func read(network, address string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	r, err := client.Get("http://metrics/metrics")
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.After(10 * time.Second)
	for !is() {
		select {
		case <-end:
			t.Fatal("never: " + what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// free is an address of loopback that nothing listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestListen(t *testing.T) {
	s := newServer(func(time.Time) Figures { return busy() })
	run(t, s)
	one, two := free(t), filepath.Join(t.TempDir(), "m.sock")
	s.Set(one)
	eventually(t, "metrics on a port", func() bool {
		body, err := read("tcp", one)
		return err == nil && strings.Contains(body, "pbxjail_enforcing 1")
	})

	// What a dead daemon left is replaced; any user may read.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: two})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	s.Set(UnixPrefix + two)
	eventually(t, "metrics on a socket", func() bool {
		body, err := read("unix", two)
		return err == nil && strings.Contains(body, "pbxjail_enforcing 1")
	})
	if info, err := os.Stat(two); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("got %v, %v, want a socket for every user", info, err)
	}
	if _, err := net.Dial("tcp", one); err == nil {
		t.Error("the old address still listens")
	}
	s.Set("")
	eventually(t, "the end of the socket", func() bool { _, err := os.Stat(two); return os.IsNotExist(err) })
	if err := s.Problem(); err != nil {
		t.Error(err)
	}
}

// An address that is taken is a problem with a hint, and no end of the daemon.
func TestCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	served := filepath.Join(t.TempDir(), "s")
	other, err := net.Listen("unix", served)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := newServer(func(time.Time) Figures { return busy() })
	run(t, s)
	for listen, want := range map[string]string{
		taken.Addr().String():              "address already in use",
		UnixPrefix + plain:                 "not a socket",
		UnixPrefix + served:                "another process",
		UnixPrefix + "/nonexistent/folder": "no such file",
	} {
		s.Set(listen)
		eventually(t, "a problem of "+listen, func() bool { return s.Problem() != nil && strings.Contains(s.Problem().Error(), want) })
		if hint.Of(s.Problem()) == "" {
			t.Errorf("got no hint with %v", s.Problem())
		}
	}
	if text, _ := os.ReadFile(plain); string(text) != "kept" {
		t.Error("the file was removed")
	}
	s.Set("")
	if err := s.Problem(); err != nil {
		t.Errorf("got %v though metrics are off", err)
	}
}

// Callers who send nothing keep neither others nor the end waiting.
func TestSilentCallers(t *testing.T) {
	s := newServer(func(time.Time) Figures { return busy() })
	run(t, s)
	at := free(t)
	s.Set(at)
	eventually(t, "metrics", func() bool { _, err := read("tcp", at); return err == nil })
	for range maxConnections - 1 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := read("tcp", at); err != nil {
		t.Errorf("got %v beside silent callers", err)
	}
	s.Set("") // and Run ends, in the clean-up
}
