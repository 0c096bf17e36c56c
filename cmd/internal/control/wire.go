package control

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Wire is how the sensor on the wire stands.
type Wire struct {
	Enabled    bool       `json:"enabled"`
	Interfaces []string   `json:"interfaces"` // that are read; empty: all
	Ports      []string   `json:"ports"`      // that are read, such as "5060/udp"
	Complete   *time.Time `json:"complete"`   // since when nothing was missed or left out; null: it does not run
	Packets    uint64     `json:"packets"`    // that were read
	Events     uint64     `json:"events"`     // that followed from them
	Banned     uint64     `json:"banned"`     // packets of banned addresses that reached us before the kernel's filter knew them
	Dropped    uint64     `json:"dropped"`    // packets that the kernel had no room for
	Sampled    uint64     `json:"sampled"`    // packets left out because too many came
	Forged     uint64     `json:"forged"`     // records of logs that no packet agreed with
	Problem    string     `json:"problem"`    // why it does not run; "" is none
	Hint       string     `json:"hint"`
}

// Transaction is one request and what was answered. Log text in it is quoted.
type Transaction struct {
	Time    time.Time      `json:"time"`
	TookMS  float64        `json:"took_ms"` // until the answer
	Remote  netip.AddrPort `json:"remote"`
	Local   netip.AddrPort `json:"local"`
	Service string         `json:"service"`
	TCP     bool           `json:"tcp"`
	Out     bool           `json:"out"` // we asked, they answered
	Method  string         `json:"method"`
	Account string         `json:"account"`
	Number  string         `json:"number"` // that was dialled
	Agent   string         `json:"agent"`
	Status  int            `json:"status"` // of the answer; 0: none came, or the protocol has no numbers
	Answer  string         `json:"answer"`
	Dropped uint64         `json:"dropped"` // transactions before this one that the reader was too slow for
}

// Agent is a user agent that was seen on the wire.
type Agent struct {
	Name      string    `json:"name"` // quoted
	Requests  uint64    `json:"requests"`
	LoggedIn  int       `json:"logged_in"` // accounts that logged in with it; counted up to 64
	Accounts  []string  `json:"accounts"`  // the first of them, quoted
	Addresses int       `json:"addresses"` // that used it; counted up to 64
	Last      time.Time `json:"last"`
}

// WireRequest asks for the transactions of one address, or of all.
type WireRequest struct{ Addr netip.Addr }

func (q WireRequest) values() url.Values {
	if !q.Addr.IsValid() {
		return nil
	}
	return url.Values{"addr": {q.Addr.String()}}
}

func (q *WireRequest) read(v url.Values) (err error) {
	text := v.Get("addr")
	if text == "" {
		return nil
	}
	if q.Addr, err = netip.ParseAddr(text); err != nil || q.Addr.Zone() != "" {
		return Refuse(http.StatusBadRequest, "ask for /v1/wire?addr=ADDR, without a zone", "no address to look for")
	}
	q.Addr = q.Addr.Unmap()
	return nil
}
