package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// Call is one request to a daemon: Q is the question, A the answer. Client and server both
// use it, so they cannot differ. A GET changes nothing and has its question in the URL. A
// POST has it as JSON, and the daemon logs who sent it.
type Call[Q, A any] struct{ method, verb string }

// None is the question of a call without parameters.
type None struct{}

// The calls. A new one is a line here; its types are in their own file.
var (
	CallVersion     = Call[None, VersionAnswer]{"GET", "version"}
	CallStatus      = Call[None, Status]{"GET", "status"}
	CallBans        = Call[BansRequest, []Ban]{"GET", "bans"} // HandleEach and AskEach keep one ban in memory at a time
	CallWhy         = Call[WhyRequest, Why]{"GET", "why"}
	CallTop         = Call[TopRequest, Top]{"GET", "top"}
	CallFeeds       = Call[None, []Feed]{"GET", "feeds"} // in the order of the main file
	CallRules       = Call[None, Rules]{"GET", "rules"}
	CallAgents      = Call[None, []Agent]{"GET", "agents"}                   // root only
	CallAlarms      = Call[None, []Alarm]{"GET", "alarms"}                   // oldest first
	CallAuditLog    = Call[AuditRequest, []AuditEntry]{"GET", "audit-log"}   // newest first
	CallHistory     = Call[HistoryRequest, []HistoryEntry]{"GET", "history"} // newest first; HandleEach and AskEach
	CallHistorySums = Call[HistoryRequest, []HistorySum]{"GET", "history/sums"}
	CallExport      = Call[ExportRequest, Export]{"GET", "export"}
	CallErase       = Call[EraseRequest, EraseAnswer]{"POST", "erase"}
	CallAck         = Call[AckRequest, AckAnswer]{"POST", "ack"}
	CallAllowed     = Call[None, []Allowed]{"GET", "allowed"} // oldest first
	CallProtected   = Call[ProtectedRequest, []Protected]{"GET", "protected"}
	CallAllow       = Call[AllowRequest, AllowAnswer]{"POST", "allow"}
	CallDisallow    = Call[DisallowRequest, DisallowAnswer]{"POST", "disallow"}
	CallBan         = Call[BanRequest, Ban]{"POST", "ban"}
	CallUnban       = Call[UnbanRequest, UnbanAnswer]{"POST", "unban"}
	CallOff         = Call[OffRequest, OffAnswer]{"POST", "off"}
	CallOn          = Call[None, OffAnswer]{"POST", "on"}
	CallReload      = Call[None, Reloaded]{"POST", "reload"}
)

// inAddress is a question that a GET carries in its URL.
type inAddress interface {
	values() url.Values
	read(url.Values) error
}

// checked is a question that the server itself checks, and writes in the form that the
// daemon expects.
type checked interface{ check() error }

// named is a question that names what it is about, such as an address, for the log.
type named interface{ subject() string }

// subjectOf is what a question is about; "" when it is about no single thing.
func subjectOf(q any) string {
	if n, ok := q.(named); ok {
		return n.subject()
	}
	return ""
}

// Handler answers one call. Handle makes it.
type Handler struct {
	pattern string // of http.ServeMux
	serve   func(*Server) http.HandlerFunc
}

// Handle answers a call with do, which may be called from any goroutine. by says who
// asked for a change, such as "uid 0 (root)"; it is "" for calls that change nothing. Log
// text in the answer is escaped (parsers.Text.Quoted), times are UTC, and nil lists are
// sent as empty ones. The error may be a *Refusal; any other error is status 500, with its
// hint if it has one.
func Handle[Q, A any](c Call[Q, A], do func(q Q, by string) (A, error)) Handler {
	return Handler{c.method + " /v" + Major + "/" + c.verb, func(s *Server) http.HandlerFunc {
		if c.method == http.MethodPost {
			return change(s, do)
		}
		return look(do)
	}}
}

// look answers a call that changes nothing.
func look[Q, A any](do func(q Q, by string) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if in, ok := any(&q).(inAddress); ok {
			if err := in.read(r.URL.Query()); err != nil {
				refuse(w, err)
				return
			}
		}
		a, err := do(q, "")
		answer(w, &a, err)
	}
}

// change decodes a request, finds out who sent it, and logs it.
func change[Q, A any](s *Server, do func(q Q, by string) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := r.Context().Value(peerKey{}).(peer)
		if !ok {
			refuse(w, Refuse(http.StatusForbidden, "connect to the Unix socket directly", "the kernel does not report which user sent this request"))
			return
		}
		q, err := decode[Q](r.Body)
		if err != nil {
			refuse(w, err)
			return
		}
		a, err := try(do, q, who.String())
		s.logCall(r.URL.Path, subjectOf(&q), who, err)
		s.audit(r, &q, &a, who, err)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime)) // the change itself may take longer
		answer(w, &a, err)
	}
}

// logCall writes who asked for a change of what, and whether it was made.
func (s *Server) logCall(path, subject string, who peer, err error) {
	args := []any{"command", strings.TrimPrefix(path, "/v"+Major+"/")}
	if subject != "" {
		args = append(args, "what", subject)
	}
	args = append(args, "by", who.String(), "pid", who.pid)
	if err != nil {
		s.opts.Log.Info("command of an admin refused", append(args, "err", err)...)
		return
	}
	s.opts.Log.Info("command of an admin done", args...)
}

// try calls do, unless the check of the question refuses it.
func try[Q, A any](do func(q Q, by string) (A, error), q Q, by string) (a A, err error) {
	if c, ok := any(&q).(checked); ok {
		if err := c.check(); err != nil {
			return a, err
		}
	}
	return do(q, by)
}

// answer writes what v points to, or the error. If a write fails, the caller is gone, and
// there is nothing to do.
func answer(w http.ResponseWriter, v any, err error) {
	var body []byte
	if err == nil {
		noNil(reflect.ValueOf(v).Elem())
		body, err = json.Marshal(v)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Write(append(body, '\n'))
}

// noNil makes nil lists empty ones, which print as []: then readers need not handle null.
func noNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			noNil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				noNil(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			noNil(v.Index(i))
		}
	}
}

// Ask sends a question to the daemon of c, and returns the answer.
func Ask[Q, A any](ctx context.Context, c *Client, what Call[Q, A], q Q) (A, error) {
	verb := what.verb
	if in, ok := any(&q).(inAddress); ok {
		verb += "?" + in.values().Encode()
	}
	if what.method == http.MethodGet {
		return call[A](ctx, c, what.method, verb, nil)
	}
	return call[A](ctx, c, what.method, verb, q)
}
