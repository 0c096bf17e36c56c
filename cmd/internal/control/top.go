package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Top lists the most active addresses, networks and accounts. Each list is sorted by the
// least possible number of events in the last minute, then in the last ten minutes.
type Top struct {
	At        time.Time `json:"at"`
	Jails     []TopRow  `json:"jails"`
	Countries []TopRow  `json:"countries"`
	Accounts  []TopRow  `json:"accounts"` // cut after 64 bytes, and quoted
	Addresses []TopRow  `json:"addresses"`
}

// TopRow is one row of Top. Events are offences that a jail counted.
type TopRow struct {
	Key        string  `json:"key"`
	LastMinute uint64  `json:"last_minute"` // events
	LastTen    uint64  `json:"last_ten"`    // events in ten minutes
	Points     float64 `json:"points"`      // in ten minutes, at least
	Error      uint64  `json:"error"`       // last_ten may be too high by this much, and last_minute by at most this much
	Banned     bool    `json:"banned"`      // for an address: it is banned
}

const (
	topShown = 20  // default number of rows of each kind
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
		return Refuse(http.StatusBadRequest, "ask for /v1/top?n=N, from 1 to "+strconv.Itoa(mostTop), "the number of rows is not valid")
	}
	return nil
}

// Top returns at most n rows of each kind; n is 1 to 500.
func (c *Client) Top(ctx context.Context, n int) (Top, error) {
	return Ask(ctx, c, CallTop, TopRequest{n})
}
