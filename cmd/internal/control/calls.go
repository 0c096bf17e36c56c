package control

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"pbxjail/configs/show"
)

// The calls about calls of accounts.
var (
	CallCalls = Call[CallsRequest, Calls]{"GET", "calls"}
	CallUnbar = Call[UnbarRequest, UnbarAnswer]{"POST", "calls-unbar"}
)

// CallsRequest asks for the accounts that call; Account asks for one, with all that is known.
type CallsRequest struct{ Account string }

func (r *CallsRequest) values() url.Values {
	if r.Account == "" {
		return url.Values{}
	}
	return url.Values{"account": {r.Account}}
}

func (r *CallsRequest) read(v url.Values) error {
	r.Account = v.Get("account")
	return nil
}

// Calls are the accounts that called within a day or are at a limit: critical ones first.
type Calls struct {
	Enabled  bool          `json:"enabled"` // false: calls are not watched, and the rest is empty
	Country  string        `json:"country"`
	Actions  []string      `json:"actions"` // tell, bar, hangup
	Sources  []CallSource  `json:"sources"`
	Accounts []CallAccount `json:"accounts"`
	Pooled   uint64        `json:"pooled"` // calls that were counted together, because there was no room for their account
}

// CallSource is where pbxjail hears of calls.
type CallSource struct {
	Name    string     `json:"name"`    // ami, or a file of call records
	Read    uint64     `json:"read"`    // records
	Bad     uint64     `json:"bad"`     // records that were not understood
	Last    *time.Time `json:"last"`    // when the last came; null: none yet
	Problem string     `json:"problem"` // "" is none
}

// CallAccount is one account.
type CallAccount struct {
	Account   string      `json:"account"` // quoted
	Group     string      `json:"group"`   // its accountcode; quoted
	Level     string      `json:"level"`   // none, warning, critical
	Running   int         `json:"running"` // calls now
	Last      *time.Time  `json:"last"`    // when the last call began; null: not known
	Countries []CallPlace `json:"countries"`
	Numbers   []string    `json:"numbers"` // called last; with country code
	Known     int         `json:"known_countries"`
	Counts    []CallCount `json:"counts"`
	Case      *CallCase   `json:"case"`    // null: it is not at a critical limit
	LogIns    []LogIn     `json:"log_ins"` // where it logged in; only if one account is asked for
	Alarms    []Alarm     `json:"alarms"`  // about its password; only if one account is asked for
}

// CallPlace is how often a country was called.
type CallPlace struct {
	Country string `json:"country"` // ISO 3166 code; XS: satellites and networks without a country
	Calls   int    `json:"calls"`
}

// CallCount is what an account did within a day, to one kind of destination.
type CallCount struct {
	To      string      `json:"to"` // abroad, premium, national, or a destination of the main file
	Calls   int         `json:"calls"`
	Seconds int64       `json:"seconds"` // of talk
	Cost    float64     `json:"cost"`    // by the rates of the main file; 0: not known
	Running int         `json:"running"`
	Limits  []CallLimit `json:"limits"`
}

// CallLimit is a limit, and how near it is.
type CallLimit struct {
	Kind     string `json:"kind"` // as in the main file, such as calls_per_minute
	Value    int    `json:"value"`
	Warning  int    `json:"warning"`
	Critical int    `json:"critical"`
}

// CallCase is what an account did when it reached a critical limit. It stays until it is
// cleared with calls unbar.
type CallCase struct {
	At      time.Time  `json:"at"`
	Kind    string     `json:"kind"`
	What    string     `json:"what"`    // for people
	Barred  *time.Time `json:"barred"`  // when Asterisk was asked to refuse its calls; null: it was not
	Suspect bool       `json:"suspect"` // its password may be guessed, so the warning limit was enough
}

// UnbarRequest clears the case of an account, and lets Asterisk accept its calls again.
type UnbarRequest struct {
	Account string `json:"account"`
}

func (r *UnbarRequest) check() error {
	if r.Account == "" {
		return Refuse(http.StatusBadRequest, "name an account: jailctl calls lists them", "no account is named")
	}
	return nil
}

func (r *UnbarRequest) subject() string { return "account " + show.Escaped(r.Account) }

// UnbarAnswer says what was done.
type UnbarAnswer struct {
	Cleared  bool         `json:"cleared"`  // it was at a critical limit
	Unbarred bool         `json:"unbarred"` // its key was removed from Asterisk's database
	Addrs    []netip.Addr `json:"addrs"`    // where its password may have been guessed
}

// CallsSum sums up the calls of accounts.
type CallsSum struct {
	Accounts int          `json:"accounts"` // that called within a day
	Running  int          `json:"running"`
	Warning  int          `json:"warning"`  // accounts at a warning limit
	Critical int          `json:"critical"` // accounts at a critical limit, not cleared
	Sources  []CallSource `json:"sources"`
	Actions  []string     `json:"actions"`
}
