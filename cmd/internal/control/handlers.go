package control

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/netip"
	"time"

	"pbxjail/configs/hint"
)

const sameRelease = "use the jailctl of the same release as the daemon"

// handler routes the API. It is all of the server that eats a caller's bytes.
func (s *Server) handler() http.Handler {
	b := s.opts.Backend
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/bans", func(w http.ResponseWriter, _ *http.Request) { streamBans(w, b.Bans()) })
	mux.HandleFunc("GET /v1/version", read(func(*http.Request) (any, error) {
		return versionAnswer{b.Version()}, nil
	}))
	mux.HandleFunc("GET /v1/status", read(func(*http.Request) (any, error) {
		st := b.Status()
		st.tidy()
		return st, nil
	}))
	mux.HandleFunc("GET /v1/why", read(func(r *http.Request) (any, error) {
		addr, err := netip.ParseAddr(r.URL.Query().Get("addr"))
		if err != nil || addr.Zone() != "" {
			return nil, Refuse(http.StatusBadRequest, "ask for /v1/why?addr=ADDR, without a zone", "no address to look for")
		}
		why := b.Why(addr.Unmap())
		why.tidy()
		return why, nil
	}))
	mux.HandleFunc("GET /v1/top", read(s.top))
	mux.HandleFunc("GET /v1/feeds", read(func(*http.Request) (any, error) {
		return tidyFeeds(b.Feeds()), nil
	}))
	mux.HandleFunc("GET /v1/rules", read(func(*http.Request) (any, error) {
		rules, err := b.Rules()
		rules.tidy()
		return rules, err
	}))
	mux.HandleFunc("POST /v1/ban", change(s, s.ban))
	mux.HandleFunc("POST /v1/unban", change(s, s.unban))
	mux.HandleFunc("POST /v1/reload", change(s, func(_ struct{}, by string) (any, error) {
		return struct{}{}, b.Reload(by)
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, Refuse(http.StatusNotFound, sameRelease, "no %s %s in this version of the API", r.Method, r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(header, Major)
		w.Header().Set("Content-Type", "application/json")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

// read answers with what ask finds.
func read(ask func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := ask(r)
		answer(w, v, err)
	}
}

// change decodes a request, finds out who sent it, and keeps a record of it.
func change[T any](s *Server, do func(req T, by string) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := r.Context().Value(peerKey{}).(peer)
		if !ok {
			refuse(w, Refuse(http.StatusForbidden, "connect to the Unix socket itself", "the kernel does not say who asks"))
			return
		}
		req, err := decode[T](r.Body)
		if err != nil {
			refuse(w, err)
			return
		}
		by := who.String()
		v, err := do(req, by)
		s.opts.Log.Info("control", "path", r.URL.Path, "by", by, "pid", who.pid, "error", err)
		answer(w, v, err)
	}
}

// decode reads one JSON value and nothing after it. Unknown fields are refused:
// a caller must not believe that something was done which was not.
func decode[T any](body io.Reader) (v T, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err = d.Decode(&v); err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the request")
		}
	}
	if err != nil {
		return v, Refuse(http.StatusBadRequest, sameRelease, "request not understood: %w", err)
	}
	return v, nil
}

func (s *Server) ban(req BanRequest, by string) (any, error) {
	p, err := Canonical(req.Prefix)
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "give a prefix such as 203.0.113.0/24", "ban: %w", err)
	}
	if err := tooWide(p, req.Force); err != nil {
		return nil, err
	}
	if n := req.ForSeconds; n != nil && (*n < 0 || *n > math.MaxInt64/int64(time.Second)) {
		return nil, Refuse(http.StatusBadRequest, "give seconds; 0 is for ever", "ban: %d is no number of seconds", *n)
	}
	req.Prefix = p
	return s.opts.Backend.Ban(req, by)
}

func (s *Server) unban(req unbanRequest, by string) (any, error) {
	if req.All == req.Prefix.IsValid() {
		return nil, Refuse(http.StatusBadRequest, `send {"prefix": "203.0.113.7/32"} or {"all": true}`, "unban: neither one prefix nor all")
	}
	if req.All {
		n, err := s.opts.Backend.UnbanAll(by)
		return unbanAnswer{n}, err
	}
	p, err := Canonical(req.Prefix)
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "give the prefix as jailctl list shows it", "unban: %w", err)
	}
	was, err := s.opts.Backend.Unban(p, by)
	if was {
		return unbanAnswer{1}, err
	}
	return unbanAnswer{0}, err
}

// answer writes v, or the error. That a write fails means that the caller is gone.
func answer(w http.ResponseWriter, v any, err error) {
	var body []byte
	if err == nil {
		body, err = json.Marshal(v)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Write(append(body, '\n'))
}

func refuse(w http.ResponseWriter, err error) {
	w.WriteHeader(statusOf(err))
	json.NewEncoder(w).Encode(errorAnswer{err.Error(), hint.Of(err)})
}

// streamBans writes one ban after another, so that a list of any length takes no
// more room than it has. A list that was cut short lacks its bracket.
func streamBans(w http.ResponseWriter, bans []Ban) {
	enc := json.NewEncoder(w)
	io.WriteString(w, "[")
	for i, b := range bans {
		if i > 0 {
			io.WriteString(w, ",")
		}
		if enc.Encode(b) != nil {
			return // the caller is gone
		}
	}
	io.WriteString(w, "]\n")
}
