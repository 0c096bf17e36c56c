package control

import (
	"net/http"
	"strings"
	"time"

	"pbxjail/configs/show"
)

// OffRequest switches pbxjail off.
type OffRequest struct {
	ForSeconds int64 `json:"for_seconds"` // 0: until jailctl on
}

// check implements checked.
func (q *OffRequest) check() error {
	if q.ForSeconds < 0 {
		return Refuse(http.StatusBadRequest, "give a time such as --for 2h", "the time must not be negative")
	}
	return nil
}

// subject implements named.
func (q *OffRequest) subject() string {
	if q.ForSeconds == 0 {
		return "until jailctl on"
	}
	return "for " + show.Duration(time.Duration(q.ForSeconds)*time.Second)
}

// Off says that pbxjail is switched off: it has no rules or sets in the kernel.
type Off struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until"` // null: until jailctl on
	By    string     `json:"by"`
}

// OffAnswer is what off and on did.
type OffAnswer struct {
	Was      bool `json:"was"`           // answer to on: it was off before
	Off      *Off `json:"off,omitempty"` // missing: pbxjail is on
	Observes bool `json:"observes"`
}

// noticeHeader carries a notice for people: clients print it before each answer.
const noticeHeader = "Pbxjail-Notice"

// setNotice puts the line into a header, which is one line of ASCII.
func setNotice(h http.Header, notice func() string) {
	if notice == nil {
		return
	}
	if text := notice(); text != "" {
		h.Set(noticeHeader, strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '?'
			}
			return r
		}, text))
	}
}
