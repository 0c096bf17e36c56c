package control

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Limits for what one caller can make the daemon keep.
const (
	maxBody     = 64 << 10
	maxHeader   = 8 << 10
	maxConns    = 32
	headerTime  = 2 * time.Second
	readTime    = 5 * time.Second
	writeTime   = 30 * time.Second
	idleTime    = 5 * time.Second
	gracePeriod = 800 * time.Millisecond // within the second that a stop may take
)

// Options of a Server.
type Options struct {
	Path     string       // "" is DefaultPath
	Group    string       // its members may use the socket; "" is DefaultGroup
	Handlers []Handler    // one for each call that is answered
	Log      *slog.Logger // logs every change; nil: no log
	// Admin is called before each answer to root, with the address root came from over SSH.
	// It may be nil. It may be called from any goroutine.
	Admin func(from netip.Addr)
	// Audit is called after each command, while its caller still waits. It may be nil. It
	// may be called from any goroutine.
	Audit func(Command)
	// Notice returns a line that clients print before each answer; "" is none. It may be nil.
	Notice func() string
}

// Server serves Handlers. Only one goroutine may call Listen and Run; Close may be called
// from any.
type Server struct {
	opts   Options
	socket *socket
	gate   *gate
	closed sync.Once
}

// New makes a Server. It touches nothing before Listen or Run.
func New(opts Options) *Server {
	if opts.Path == "" {
		opts.Path = DefaultPath
	}
	if opts.Group == "" {
		opts.Group = DefaultGroup
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{opts: opts}
}

// Listen takes the socket, and fails if another daemon has it. Call it before you change
// anything else. note tells the operator which permission could not be set. From now on
// callers wait until Run serves them. A second call does nothing.
func (s *Server) Listen() (note string, err error) {
	if s.socket != nil {
		return "", nil
	}
	s.socket, note, err = openSocket(s.opts.Path, s.opts.Group)
	if err != nil {
		return "", err
	}
	s.gate = &gate{s.socket.listener, make(chan struct{}, maxConns)}
	return note, nil
}

// Run serves until ctx ends, then lets callers finish for less than a second.
// It calls Listen if that was not called before, and Close at its end.
func (s *Server) Run(ctx context.Context) error {
	if _, err := s.Listen(); err != nil {
		return err
	}
	defer s.Close()
	web := &http.Server{
		Handler:           s.handler(),
		ConnContext:       askKernel,
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(s.gate) }()
	select {
	case err := <-ended:
		return Refuse(0, "systemctl restart pbxjail (bans stay in force)", "the control socket %s does not work any more, so jailctl cannot reach pbxjail: %w", s.opts.Path, err)
	case <-ctx.Done():
	}
	s.socket.remove()
	grace, cancel := context.WithTimeout(context.Background(), gracePeriod)
	defer cancel()
	if web.Shutdown(grace) != nil {
		web.Close()
	}
	<-ended
	return nil
}

// Close releases the socket, for a daemon that ends before Run, or that does not wait for
// its end. A second call does nothing. A closed Server serves no more.
func (s *Server) Close() (err error) {
	if s.socket == nil {
		return nil
	}
	s.closed.Do(func() {
		s.socket.remove()
		s.gate.Close()
		err = s.socket.lock.Close() // last: until then no other daemon can start
	})
	return err
}
