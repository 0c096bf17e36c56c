package daemon

import (
	"slices"
	"sync"

	"pbxjail/cmd/internal/control"
)

// troubles are problems for status that stay until the next start. The zero value has
// none. All methods may be called from any goroutine.
type troubles struct {
	mu    sync.Mutex
	found []control.Problem
}

// note keeps what is wrong with about, and the hint.
func (t *troubles) note(about, what, hint string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = append(t.found, control.Problem{About: about, What: what, Hint: hint})
}

func (t *troubles) list() []control.Problem {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.found)
}
