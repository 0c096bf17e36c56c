package configs

import "reflect"

// A key of the main file says with its tag reload when a change of it takes effect. A
// jail file has no such tags: it takes effect within a second of its change, whole.
const (
	atOnce    = "at once" // with a reload
	atRestart = "restart" // at the next start of the daemon
)

// Reloaded returns the settings after a reload that read fresh. Keys that change at once are
// from fresh; keys that need a restart are from m. waiting names the keys that differ and
// need a restart. Neither m nor fresh is changed.
func (m *Main) Reloaded(fresh *Main) (now *Main, waiting []string) {
	now = new(*fresh)
	old, asked, kept := reflect.ValueOf(m).Elem(), reflect.ValueOf(fresh).Elem(), reflect.ValueOf(now).Elem()
	for _, k := range keysOf(old.Type()) {
		if k.Tag.Get("reload") == atOnce {
			continue
		}
		was := old.FieldByIndex(k.Index)
		if !reflect.DeepEqual(was.Interface(), asked.FieldByIndex(k.Index).Interface()) {
			waiting = append(waiting, k.name)
		}
		kept.FieldByIndex(k.Index).Set(was)
	}
	return now, waiting
}
