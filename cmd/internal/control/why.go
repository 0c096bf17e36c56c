package control

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Why is all that the daemon knows of an address.
type Why struct {
	Addr      netip.Addr `json:"addr"`
	Banned    *Ban       `json:"banned"`    // the live ban of it; null: none
	Sum       *Sum       `json:"sum"`       // how the points of that ban add up; null: no points were counted, or they are forgotten
	Protected string     `json:"protected"` // why it is never banned, or ""
	LoggedIn  string     `json:"logged_in"` // accounts at home there and their last login, or ""
	Alarms    []Alarm    `json:"alarms"`    // about it, not marked as seen
	Consulted []string   `json:"consulted"` // the protections that were checked
	Place     Place      `json:"place"`
	Feeds     []string   `json:"feeds"`            // feeds that list it, with their factors
	DroppedBy []string   `json:"dropped_by"`       // feeds whose sets in the kernel drop its packets without a ban
	Strikes   int        `json:"strikes"`          // strike of its last ban that is over
	LastBan   *time.Time `json:"last_ban"`         // end of that ban; null: none
	Jails     []WhyJail  `json:"jails"`            // jails where it has a score
	Lines     []WhyLine  `json:"lines"`            // the records that led to the ban
	Spared    *Spared    `json:"spared,omitempty"` // the last ban that a protection prevented; not there: none
	History   []Ban      `json:"history"`
	Ends      string     `json:"ends"` // when and how the ban ends, for people
}

// Spared is a ban that a protection prevented.
type Spared struct {
	At     time.Time `json:"at"`
	Jail   string    `json:"jail"`
	Reason string    `json:"reason"`
	Why    string    `json:"why"` // the protection
	Sum    *Sum      `json:"sum"`
	Lines  []WhyLine `json:"lines"`
}

// Place is the country and network of an address. Its fields may be empty.
type Place struct {
	Country string       `json:"country"` // ISO 3166 code
	ASN     uint32       `json:"asn"`
	Org     string       `json:"org"`
	Network netip.Prefix `json:"network"`
}

// Sum is how points add up: the points of the lines and Rest together are Score.
type Sum struct {
	Score     float64 `json:"score"`
	Maxretry  float64 `json:"maxretry"`
	Within    int64   `json:"within"` // seconds
	Rest      float64 `json:"rest"`   // points of earlier records, whose text is not kept
	Earlier   int     `json:"earlier"`
	Retold    int     `json:"retold"`    // records of other logs about the same attempts
	Members   int     `json:"members"`   // addresses of a banned network that took part; 0 for one address
	Allowance int     `json:"allowance"` // added to the jail's maxretry, because accounts are at home there; 0: nothing
	Customer  int     `json:"customer"`  // prefix length of the IPv6 customer that has this score; 0: this is the score of one address
	Witness   string  `json:"witness"`   // who wrote the records that count: security, notice, acl, dialplan, wire
	Packets   string  `json:"packets"`   // the witness of their packets: wire, heard, cannot tell; "": not asked
}

// WhyJail is the score of an address in one jail. 1 point is one ordinary failure.
type WhyJail struct {
	Name     string    `json:"name"`
	Score    float64   `json:"score"`
	Maxretry float64   `json:"maxretry"`
	Findtime int64     `json:"findtime"` // seconds
	Sum      Sum       `json:"sum"`
	Slow     *Sum      `json:"slow"`     // score in the long window; null: there is none
	Customer *Sum      `json:"customer"` // score of all addresses of its IPv6 customer; null: only this address has one
	NextBan  int64     `json:"next_ban"` // seconds a ban would last now; 0: forever
	Window   []WhyLine `json:"window"`
}

// WhyLine is one record that counted. Text is quoted.
type WhyLine struct {
	Time     time.Time   `json:"time"`
	Jail     string      `json:"jail"`
	Rule     string      `json:"rule"`
	Evidence string      `json:"evidence"` // claimed, seen or proven; "" in an old ledger
	Base     float64     `json:"base"`     // points of its kind in this jail
	Factors  []WhyFactor `json:"factors"`  // applied to Base in this order; the result is Points
	Points   float64     `json:"points"`
	Counts   float64     `json:"counts"` // part of Points that counts; 0 if a better record of the attempt is in another log
	File     string      `json:"file"`
	Text     string      `json:"text"`
	Witness  string      `json:"witness"` // who wrote it: security, notice, acl, dialplan, wire; "" in an old ledger
	Packets  string      `json:"packets"` // the witness of its packets: wire, heard, cannot tell; "": not asked
}

// WhyFactor is one reason that changed the points of a record: they are multiplied by By,
// or set to To if that is not 0.
type WhyFactor struct {
	Name string  `json:"name"`
	Note string  `json:"note"`
	By   float64 `json:"by"`
	To   float64 `json:"to"`
	Text string  `json:"text"` // the whole factor, for people
}

// WhyRequest asks for all that the daemon knows of an address.
type WhyRequest struct{ Addr netip.Addr }

func (r *WhyRequest) values() url.Values { return url.Values{"addr": {r.Addr.String()}} }

func (r *WhyRequest) read(v url.Values) error {
	addr, err := netip.ParseAddr(v.Get("addr"))
	if err != nil || addr.Zone() != "" {
		return Refuse(http.StatusBadRequest, "ask for /v1/why?addr=ADDR, without a zone", "addr is not an address")
	}
	r.Addr = addr.Unmap()
	return nil
}
