package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/net/netutil"

	"pbxjail/cmd/internal/sockets"
	"pbxjail/configs/hint"
)

const (
	// maxConnections is how many connections are served at once. More wait in the kernel.
	maxConnections = 16
	// requestTime is how long a caller may take to send a request, answerTime to take the
	// answer, and idleTime to send the next request.
	requestTime, answerTime, idleTime = 5 * time.Second, 10 * time.Second, 30 * time.Second
	maxHeader                         = 8 << 10
	// freshFor is how long figures are given out again.
	freshFor = time.Second
	// retryEvery is how long the server waits before it tries again to listen.
	retryEvery = 10 * time.Second
	// stopTime is how long answers that are under way may take at the end.
	stopTime = 200 * time.Millisecond
)

// Options of a Server.
type Options struct {
	Figures func(now time.Time) Figures // is called at most once a second, from one goroutine at a time
	Log     *slog.Logger
}

// Server serves the metrics while it has an address to listen on. All methods may be called
// from any goroutine; Run only once.
type Server struct {
	opts      Options
	changed   chan struct{}
	collector *collector

	mu      sync.Mutex // guards the two below
	listen  string
	problem error

	gathering sync.Mutex // guards all below: one scrape at a time
	registry  *prometheus.Registry
	taken     time.Time
	body      map[expfmt.Format][]byte // of the figures taken then
}

// New returns a server that listens on nothing.
func New(opts Options) *Server {
	return &Server{opts: opts, changed: make(chan struct{}, 1), collector: newCollector()}
}

// Set says where to listen: an address with a port, or unix: and the path of a socket; "" is
// nowhere. The caller has checked that.
func (s *Server) Set(listen string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listen == listen {
		return
	}
	s.listen, s.problem = listen, nil
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Problem is why the metrics cannot be read, with a hint; nil: they can, or they are off.
func (s *Server) Problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// says notes whether the server listens.
func (s *Server) says(listen string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listen != listen {
		return
	}
	switch {
	case err != nil && s.problem == nil:
		s.opts.Log.Error("no program can read the metrics, because pbxjail cannot listen. pbxjail tries again; bans are not affected", "listen", listen, "err", err, "hint", hint.Of(err))
	case err == nil:
		s.opts.Log.Info("metrics can be read", "listen", listen)
	}
	s.problem = err
}

// Run serves until ctx ends. That it cannot listen is a problem for status, and is tried again.
func (s *Server) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		listen := s.listen
		s.mu.Unlock()
		if listen == "" {
			select {
			case <-ctx.Done():
			case <-s.changed:
			}
			continue
		}
		l, err := open(listen)
		s.says(listen, err)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-s.changed:
			case <-time.After(retryEvery):
			}
			continue
		}
		s.serve(ctx, l)
	}
	return nil
}

// serve answers on l until ctx ends, or another address is set.
func (s *Server) serve(ctx context.Context, l net.Listener) {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(netutil.LimitListener(l, maxConnections))
	}()
	select {
	case <-ctx.Done():
	case <-s.changed:
	case <-ended: // the listener is broken: it is opened again
	}
	limit, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if server.Shutdown(limit) != nil {
		server.Close()
	}
	<-ended
}

// UnixPrefix is what an address to listen on begins with that is the path of a socket.
const UnixPrefix = "unix:"

func open(listen string) (net.Listener, error) {
	path, is := strings.CutPrefix(listen, UnixPrefix)
	if !is {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return nil, hint.Add("to see the program that uses the port: ss -tlnp. End this program; or write another port into the main file: metrics: {listen: '127.0.0.1:9741'}; then: jailctl reload", fmt.Errorf("cannot listen on %s: %w", listen, err))
		}
		return l, nil
	}
	if err := clear(path); err != nil {
		return nil, hint.Add("write another path into the main file: metrics: {listen: 'unix:PATH'}; then: jailctl reload", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil { // any user may read, as on a loopback address
		if err = os.Chmod(path, 0o666); err != nil {
			l.Close()
		}
	}
	if err != nil {
		return nil, hint.Add("write a path in the folder of pbxjail into the main file: metrics: {listen: 'unix:/run/pbxjail/metrics.sock'}; then: jailctl reload", fmt.Errorf("cannot make the socket %s: %w", path, err))
	}
	return l, nil
}

// clear removes a socket that no process serves any more, and nothing else.
func clear(path string) error {
	if err := sockets.Free(path); err != nil {
		return fmt.Errorf("cannot use the socket %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// formats are those that are written, the preferred one first.
func formats() []expfmt.Format {
	open, err := expfmt.NewOpenMetricsFormat(expfmt.OpenMetricsVersion_1_0_0)
	if err != nil { // a test asks for it
		return []expfmt.Format{expfmt.NewFormat(expfmt.TypeTextPlain)}
	}
	return []expfmt.Format{expfmt.NewFormat(expfmt.TypeTextPlain), open}
}

// ServeHTTP answers GET and HEAD of /metrics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/metrics":
		http.Error(w, "the metrics are at /metrics", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics can only be read: use GET", http.StatusMethodNotAllowed)
		return
	}
	format := expfmt.NegotiateAccept(r.Header, formats()...)
	w.Header().Set("Content-Type", string(format))
	if r.Method == http.MethodHead {
		return
	}
	body, err := s.text(format, time.Now())
	if err != nil {
		s.opts.Log.Error("a program asked for the metrics, and pbxjail could not make them. Bans are not affected", "err", err, "hint", "systemctl restart pbxjail")
		http.Error(w, "pbxjail could not make the metrics; to see why: journalctl -u pbxjail", http.StatusInternalServerError)
		return
	}
	w.Write(body)
}

// text is all metrics in a format. Within freshFor it is the same text again. A mistake of
// ours must not end the daemon.
func (s *Server) text(format expfmt.Format, now time.Time) (body []byte, err error) {
	s.gathering.Lock()
	defer s.gathering.Unlock()
	defer func() {
		if mistake := recover(); mistake != nil {
			err = fmt.Errorf("a mistake in pbxjail: %v: %s", mistake, debug.Stack())
		}
	}()
	if body := s.body[format]; body != nil && fresh(now, s.taken) {
		return body, nil
	}
	if !fresh(now, s.taken) {
		s.collector.set(s.opts.Figures(now))
		s.taken, s.body = now, map[expfmt.Format][]byte{}
	}
	if s.registry == nil { // only now: while metrics are off they cost nothing
		s.registry = prometheus.NewRegistry()
		for _, c := range []prometheus.Collector{s.collector, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
			if err := s.registry.Register(c); err != nil {
				return nil, err
			}
		}
	}
	body, err = encode(s.registry, format)
	if err == nil && len(s.body) < 4 {
		s.body[format] = body
	}
	return body, err
}

func fresh(now, taken time.Time) bool {
	age := now.Sub(taken)
	return age >= 0 && age < freshFor
}

// encode writes what a registry has.
func encode(from prometheus.Gatherer, format expfmt.Format) ([]byte, error) {
	list, err := from.Gather()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := expfmt.NewEncoder(&b, format)
	for _, family := range list {
		if err := e.Encode(family); err != nil {
			return nil, err
		}
	}
	if end, ok := e.(expfmt.Closer); ok { // OpenMetrics has a last line
		if err := end.Close(); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
