package main

import (
	"fmt"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// onWire says in one line how the sensor stands.
func (a *app) onWire(w control.Wire) string {
	switch {
	case !w.Enabled:
		return "off; logs have no witness"
	case w.Problem != "":
		return "NOT READ: " + w.Problem
	case w.Complete == nil:
		return "not read yet"
	}
	text := fmt.Sprintf("%d packets read, %s, complete for %s", w.Packets, show.Count(int(w.Events), "event"), show.Brief(a.now().Sub(*w.Complete)))
	if w.Dropped+w.Sampled > 0 {
		text += fmt.Sprintf("; %d found no room, %d were left out", w.Dropped, w.Sampled)
	}
	if w.Forged > 0 {
		text += fmt.Sprintf("; %s of logs agreed with no packet", show.Count(int(w.Forged), "record"))
	}
	return text
}

// sees is what doctor says of the sensor. Why it does not read is a problem of the daemon,
// which is told already.
func (a *app) sees(w control.Wire) []finding {
	switch {
	case !w.Enabled:
		return []finding{well("wire", "it is switched off: logs alone are believed")}
	case w.Problem != "":
		return nil
	}
	return []finding{well("wire", "%s", a.onWire(w))}
}
