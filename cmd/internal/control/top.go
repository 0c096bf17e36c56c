package control

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Top is who does most at the moment, each kind in order: first who surely did
// most in the last minute, then who did in the last ten.
type Top struct {
	At        time.Time `json:"at"`
	Jails     []TopRow  `json:"jails"`
	Countries []TopRow  `json:"countries"`
	Accounts  []TopRow  `json:"accounts"` // cut after 64 bytes, and quoted
	Addresses []TopRow  `json:"addresses"`
}

// TopRow is what one of them did. Events are offences that a jail counted.
type TopRow struct {
	Key        string  `json:"key"`
	LastMinute uint64  `json:"last_minute"` // events
	LastTen    uint64  `json:"last_ten"`    // events in ten minutes
	Points     float64 `json:"points"`      // in ten minutes, at least
	Error      uint64  `json:"error"`       // by how much last_ten, and at most last_minute, may be too high
	Banned     bool    `json:"banned"`      // of an address: a ban holds it
}

const (
	topShown = 20  // rows of each kind when nothing is said
	mostTop  = 500 // the daemon keeps few more
)

// Top returns at most n rows of each kind; n is 1 to 500.
func (c *Client) Top(ctx context.Context, n int) (Top, error) {
	return call[Top](ctx, c, "GET", "top?n="+strconv.Itoa(n), nil)
}

func (s *Server) top(r *http.Request) (any, error) {
	n := topShown
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > mostTop {
			return nil, Refuse(http.StatusBadRequest, "ask for /v1/top?n=N, from 1 to "+strconv.Itoa(mostTop), "no number of rows")
		}
	}
	t := s.opts.Backend.Top(n)
	t.tidy()
	return t, nil
}

func (t *Top) tidy() {
	for _, rows := range []*[]TopRow{&t.Jails, &t.Countries, &t.Accounts, &t.Addresses} {
		notNil(rows)
	}
}
