package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// Stream is a call whose answer continues until the caller disconnects, one A on each line.
// Only root may use it: it shows what customers do.
type Stream[Q, A any] struct{ verb string }

// StreamWire sends each transaction on the wire when it is finished.
var StreamWire = Stream[WireRequest, Transaction]{"wire"}

// Caller is the other end of a stream.
type Caller[A any] struct {
	Begin func() error  // say that from now on nothing is missed
	Send  func(A) error // send one answer; begins, too
}

// HandleStream answers a stream with do, which sends until ctx ends or sending fails. It may
// be called from any goroutine. Before it begins, it may refuse, as in Handle.
func HandleStream[Q, A any](c Stream[Q, A], do func(ctx context.Context, q Q, to Caller[A]) error) Handler {
	return Handler{"GET /v" + Major + "/" + c.verb, func(*Server) http.HandlerFunc {
		return rootOnly(func(w http.ResponseWriter, r *http.Request) {
			var q Q
			if in, ok := any(&q).(inAddress); ok {
				if err := in.read(r.URL.Query()); err != nil {
					refuse(w, err)
					return
				}
			}
			out := &stream{w: w, conn: http.NewResponseController(w)}
			out.conn.SetReadDeadline(time.Time{}) // the caller sends nothing more; a disconnect is still noticed
			err := do(r.Context(), q, Caller[A]{out.begin, func(a A) error { return out.send(a) }})
			if err != nil && !out.begun {
				refuse(w, err)
			}
		})
	}}
}

// stream writes lines to a caller.
type stream struct {
	w     http.ResponseWriter
	conn  *http.ResponseController
	begun bool
}

// begin sends the head of the answer alone.
func (s *stream) begin() error {
	s.begun = true
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return s.conn.Flush()
}

func (s *stream) send(v any) error {
	s.begun = true
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	if err := json.NewEncoder(s.w).Encode(v); err != nil {
		return err
	}
	return s.conn.Flush()
}

// RootOnly makes a handler answer only root, because it shows what customers do.
func RootOnly(h Handler) Handler {
	return Handler{h.pattern, func(s *Server) http.HandlerFunc { return rootOnly(h.serve(s)) }}
}

// rootOnly refuses all users except root and the user of the daemon.
func rootOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := r.Context().Value(peerKey{}).(peer)
		if !ok || who.uid != 0 && who.uid != os.Geteuid() {
			refuse(w, Refuse(http.StatusForbidden, "run it as root (sudo)", "only root may see the packets, because they show the calls of your customers"))
			return
		}
		next(w, r)
	}
}

// Follow starts a stream, calls begun when the daemon has begun to answer, and each with one
// answer after another. It returns when ctx ends (nil), when each fails, or when the daemon
// ends the stream.
func Follow[Q, A any](ctx context.Context, c *Client, what Stream[Q, A], q Q, begun func(), each func(A) error) error {
	verb := what.verb
	if in, ok := any(&q).(inAddress); ok {
		verb += "?" + in.values().Encode()
	}
	patient := http.Client{Transport: c.http.Transport} // no timeout: a stream has no end
	resp, err := c.send(ctx, &patient, "GET", verb, nil)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer resp.Body.Close()
	begun()
	for lines := json.NewDecoder(resp.Body); ; {
		var a A
		err := lines.Decode(&a)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, io.EOF):
			return Refuse(0, mayHaveStopped, "the daemon at %s ended the answer", c.path)
		case err != nil:
			return Refuse(0, mayHaveStopped, "the answer of the daemon at %s is not complete: %w", c.path, err)
		}
		if err := each(a); err != nil {
			return err
		}
	}
}
