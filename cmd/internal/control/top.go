package control

import (
	"context"
	"net/http"
	"net/url"
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

// TopRequest asks for at most N rows of each kind, 1 to 500.
type TopRequest struct{ N int }

func (r *TopRequest) values() url.Values { return url.Values{"n": {strconv.Itoa(r.N)}} }

func (r *TopRequest) read(v url.Values) (err error) {
	text := v.Get("n")
	if text == "" {
		r.N = topShown
		return nil
	}
	if r.N, err = strconv.Atoi(text); err != nil || r.N < 1 || r.N > mostTop {
		return Refuse(http.StatusBadRequest, "ask for /v1/top?n=N, from 1 to "+strconv.Itoa(mostTop), "no number of rows")
	}
	return nil
}

// Top returns at most n rows of each kind; n is 1 to 500.
func (c *Client) Top(ctx context.Context, n int) (Top, error) {
	return Ask(ctx, c, CallTop, TopRequest{n})
}
