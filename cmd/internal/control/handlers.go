package control

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"

	"pbxjail/configs/hint"
)

const sameRelease = "use the jailctl of the same release as the daemon; to see both releases: jailctl version"

// failedHint is for an error without a hint of its own.
const failedHint = "give the command again. If it fails again, see which part of pbxjail does not work: jailctl doctor"

// handler routes the API. No other part of the server reads a caller's bytes.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, h := range s.opts.Handlers {
		mux.HandleFunc(h.pattern, h.serve(s))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, Refuse(http.StatusNotFound, sameRelease, "the daemon does not know the request %s %s", r.Method, r.URL.Path))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(header, Major)
		w.Header().Set("Content-Type", "application/json")
		s.noteAdmin(r)
		setNotice(w.Header(), s.opts.Notice)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

// sshHeader names the address from which a caller logged in to this machine over SSH. Only
// root is believed.
const sshHeader = "Pbxjail-Ssh"

func (s *Server) noteAdmin(r *http.Request) {
	who, ok := r.Context().Value(peerKey{}).(peer)
	from, err := netip.ParseAddr(r.Header.Get(sshHeader))
	if ok && who.uid == 0 && err == nil && s.opts.Admin != nil {
		s.opts.Admin(from.Unmap().WithZone(""))
	}
}

// decode reads one JSON value and nothing after it. It refuses unknown fields: a caller
// must not think that pbxjail did what such a field asks.
func decode[T any](body io.Reader) (v T, err error) {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err = d.Decode(&v); err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("there is more text after the request")
		}
	}
	if err != nil {
		return v, Refuse(http.StatusBadRequest, sameRelease, "the daemon does not understand the request: %w", err)
	}
	return v, nil
}

func refuse(w http.ResponseWriter, err error) {
	w.WriteHeader(statusOf(err))
	json.NewEncoder(w).Encode(errorAnswer{hint.Line(err.Error()), cmp.Or(hint.Of(err), failedHint)})
}
