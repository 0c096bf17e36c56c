package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// BansRequest selects live bans and their order. The zero value means all of them, oldest
// first.
type BansRequest struct {
	Sort    string        // one of BanOrders; - before it reverses the order; "" is since
	Jail    string        // "" is every jail
	Country string        // ISO 3166 code; "" is every country
	Since   time.Duration // began within this time; 0: at any time
	Grep    string        // have this text in address, jail, country or reason, in any case
}

// BanOrders are the orders of bans. Bans that are equal in it are sorted by address.
var BanOrders = []string{"since", "address", "jail", "country", "left", "strikes", "packets"}

// By returns the order, and whether it is reversed.
func (q BansRequest) By() (key string, backwards bool) {
	key, backwards = strings.CutPrefix(q.Sort, "-")
	if key == "" {
		key = BanOrders[0]
	}
	return key, backwards
}

// Fits reports whether the request selects a ban at now.
func (q BansRequest) Fits(b *Ban, now time.Time) bool {
	switch {
	case q.Jail != "" && b.Jail != q.Jail,
		q.Country != "" && !strings.EqualFold(b.Country, q.Country),
		q.Since > 0 && now.Sub(b.Since) > q.Since:
		return false
	case q.Grep == "":
		return true
	}
	text := strings.ToLower(strings.Join([]string{b.Prefix.String(), b.Jail, b.Country, b.Reason}, " "))
	return strings.Contains(text, strings.ToLower(q.Grep))
}

func (q BansRequest) values() url.Values {
	v := url.Values{}
	for key, text := range map[string]string{"sort": q.Sort, "jail": q.Jail, "country": q.Country, "grep": q.Grep} {
		if text != "" {
			v.Set(key, text)
		}
	}
	if q.Since > 0 {
		v.Set("since", q.Since.String())
	}
	return v
}

func (q *BansRequest) read(v url.Values) (err error) {
	*q = BansRequest{Sort: v.Get("sort"), Jail: v.Get("jail"), Country: v.Get("country"), Grep: v.Get("grep")}
	if key, _ := q.By(); !slices.Contains(BanOrders, key) {
		return Refuse(http.StatusBadRequest, "sort by one of "+strings.Join(BanOrders, ", "), "bans cannot be sorted by %q", key)
	}
	if text := v.Get("since"); text != "" {
		if q.Since, err = time.ParseDuration(text); err != nil || q.Since <= 0 {
			return Refuse(http.StatusBadRequest, sameRelease, "since %q is not a time", text)
		}
	}
	return nil
}

// HandleEach answers a call with a list of any length: do sends one item after another, so
// that only one item is in memory. do may be called from any goroutine. Before the first
// send it may refuse, as in Handle. If it fails later, the list ends without its bracket.
func HandleEach[Q, A any](c Call[Q, []A], do func(q Q, send func(*A) error) error) Handler {
	return Handler{c.method + " /v" + Major + "/" + c.verb, func(*Server) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var q Q
			if in, ok := any(&q).(inAddress); ok {
				if err := in.read(r.URL.Query()); err != nil {
					refuse(w, err)
					return
				}
			}
			out := bufio.NewWriterSize(&patientWriter{w, http.NewResponseController(w)}, 64<<10)
			enc, before := json.NewEncoder(out), "["
			err := do(q, func(a *A) error {
				if _, err := out.WriteString(before); err != nil {
					return err
				}
				before = ","
				return enc.Encode(a)
			})
			switch {
			case err != nil && before == "[":
				refuse(w, err)
				return
			case err == nil && before == "[":
				out.WriteString("[]\n")
			case err == nil:
				out.WriteString("]\n")
			}
			out.Flush()
		}
	}}
}

// patientWriter gives the caller a time limit for each write, not for the whole answer.
type patientWriter struct {
	w    io.Writer
	conn *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

// AskEach asks for a list, and calls each with one item after another: the whole list is
// never in memory. It stops at the first error of each, and returns it.
func AskEach[Q, A any](ctx context.Context, c *Client, what Call[Q, []A], q Q, each func(*A) error) error {
	verb := what.verb
	if in, ok := any(&q).(inAddress); ok {
		verb += "?" + in.values().Encode()
	}
	line := c.http.Transport.(*http.Transport).Clone()
	line.ResponseHeaderTimeout = patience
	resp, err := c.send(ctx, &http.Client{Transport: line}, what.method, verb, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	cut := func(err error) error {
		return Refuse(0, mayHaveStopped, "the answer of the daemon at %s is not complete: %w", c.path, err)
	}
	list := json.NewDecoder(bufio.NewReaderSize(resp.Body, 64<<10))
	if _, err := list.Token(); err != nil {
		return cut(err)
	}
	for list.More() {
		a := new(A)
		if err := list.Decode(a); err != nil {
			return cut(err)
		}
		if err := each(a); err != nil {
			return err
		}
	}
	if _, err := list.Token(); errors.Is(err, io.EOF) {
		return cut(io.ErrUnexpectedEOF) // without its bracket
	} else if err != nil {
		return cut(err)
	}
	return nil
}
