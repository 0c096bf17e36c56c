package control

import (
	"context"
	"net/http"
	"net/netip"
	"time"
)

// Alarm is an account that logged in where it was not at home, after failures of the same
// account there: its password may be guessed.
type Alarm struct {
	Account  string     `json:"account"` // quoted
	Addr     netip.Addr `json:"addr"`
	Service  string     `json:"service"`
	Failures int        `json:"failures"` // before the log-in
	At       time.Time  `json:"at"`       // of the log-in
	What     string     `json:"what"`     // for people
}

// AckRequest says that somebody has seen the alarms about an account, or about an
// address; the zero value means all.
type AckRequest struct {
	Account string     `json:"account,omitempty"`
	Addr    netip.Addr `json:"addr,omitzero"`
}

func (r *AckRequest) check() error {
	if r.Account != "" && r.Addr.IsValid() {
		return Refuse(http.StatusBadRequest, "name one of them", "an account and an address at once")
	}
	r.Addr = r.Addr.Unmap().WithZone("")
	return nil
}

// AckAnswer are the alarms that are over.
type AckAnswer struct {
	Acked []Alarm `json:"acked"`
}

// Alarms returns the alarms that nobody has seen yet, oldest first.
func (c *Client) Alarms(ctx context.Context) ([]Alarm, error) { return Ask(ctx, c, CallAlarms, None{}) }
