package control

import (
	"net/http"
	"strings"
	"time"
)

// OffRequest switches pbxjail off.
type OffRequest struct {
	ForSeconds int64 `json:"for_seconds"` // 0: until somebody switches it on
}

// check implements checked.
func (q *OffRequest) check() error {
	if q.ForSeconds < 0 {
		return Refuse(http.StatusBadRequest, "such as --for 2h", "a time below 0")
	}
	return nil
}

// Off says that pbxjail is switched off: nothing of ours is in the kernel.
type Off struct {
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until"` // null: until somebody switches it on
	By    string     `json:"by"`
}

// OffAnswer is what off and on did.
type OffAnswer struct {
	Was      bool `json:"was"`           // of on: whether it was off
	Off      *Off `json:"off,omitempty"` // not there: it is on
	Observes bool `json:"observes"`
}

// noticeHeader carries a line that each answer begins with.
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
