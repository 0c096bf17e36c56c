package control

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"pbxjail/configs/show"
)

// Alarm is an account that logged in where it was not at home, after failures of the same
// account there: someone may have guessed its password.
type Alarm struct {
	Account  string     `json:"account"` // quoted
	Addr     netip.Addr `json:"addr"`
	Service  string     `json:"service"`
	Failures int        `json:"failures"` // before the log-in
	At       time.Time  `json:"at"`       // of the log-in
	What     string     `json:"what"`     // for people
}

// AckRequest marks the alarms about an account, or about an address, as seen; the zero
// value means all.
type AckRequest struct {
	Account string     `json:"account,omitempty"`
	Addr    netip.Addr `json:"addr,omitzero"`
}

func (r *AckRequest) check() error {
	if r.Account != "" && r.Addr.IsValid() {
		return Refuse(http.StatusBadRequest, "write jailctl ack ACCOUNT, or jailctl ack ADDR", "ack: both an account and an address are given")
	}
	r.Addr = r.Addr.Unmap().WithZone("")
	return nil
}

func (r *AckRequest) subject() string {
	switch {
	case r.Account != "":
		return "alarms about " + show.Escaped(r.Account)
	case r.Addr.IsValid():
		return "alarms about " + r.Addr.String()
	}
	return "all alarms"
}

// AckAnswer lists the alarms that are marked as seen.
type AckAnswer struct {
	Acked []Alarm `json:"acked"`
}

// Alarms returns the alarms that are not marked as seen, oldest first.
func (c *Client) Alarms(ctx context.Context) ([]Alarm, error) { return Ask(ctx, c, CallAlarms, None{}) }
