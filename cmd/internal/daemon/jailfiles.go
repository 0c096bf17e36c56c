package daemon

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/parsers"
)

// jailFiles are the jails that run, and the files that are refused. All methods may
// be called from any goroutine.
type jailFiles struct {
	log  *slog.Logger
	logs func(*configs.Jail) // adds the logs of Asterisk to a jail; nil: adds none
	over func(*configs.Jail) // puts in what a web interface wrote for fail2ban; nil: nothing

	mu    sync.Mutex // guards all below
	jails map[string]*jails.Jail
	bad   map[string]error // why a file is refused, by jail; "" is the folder itself
}

func newJailFiles(log *slog.Logger) *jailFiles { return &jailFiles{log: log} }

// load reads the jail files as the main file says. A file that is refused leaves the jail
// of its name as it was; at the start the shipped one. A folder that cannot be read leaves
// all of them: which of the shipped jails are switched off is not known then.
func (f *jailFiles) load(main *configs.Main) {
	f.mu.Lock()
	defer f.mu.Unlock()
	specs, bad := main.LoadJails()
	if err := bad[""]; err != nil && f.jails != nil {
		f.bad = bad
		logProblems(f.log, "jail files cannot be read: no jail changed", "", err)
		return
	}
	fresh := map[string]*jails.Jail{}
	for _, spec := range specs {
		f.complete(spec)
		j, err := jails.Compile(spec)
		if err != nil {
			bad[spec.Name] = err
			continue
		}
		fresh[spec.Name] = j
		for _, w := range spec.Warnings {
			f.log.Warn(w.Error(), "hint", w.Hint())
		}
	}
	for name, err := range bad {
		kept := "no jail of this name runs"
		if old := f.jails[name]; old != nil {
			fresh[name], kept = old, "the jail keeps its old settings"
		} else if shipped := main.ShippedJail(name); shipped != nil && f.jails == nil {
			f.complete(shipped)
			if j, wrong := jails.Compile(shipped); wrong == nil { // no other jail of this name runs
				fresh[name], kept = j, "the shipped jail of this name runs instead"
			}
		}
		logProblems(f.log, "jail file has a mistake: "+kept, name, err)
	}
	f.jails, f.bad = fresh, bad
}

// complete adds what other programs' files say of a jail.
func (f *jailFiles) complete(spec *configs.Jail) {
	if f.logs != nil {
		f.logs(spec)
	}
	if f.over != nil {
		f.over(spec)
	}
}

// list are the jails by name.
func (f *jailFiles) list() (list []*jails.Jail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.jails)) {
		list = append(list, f.jails[name])
	}
	return list
}

// patterns are the logs of all jails.
func (f *jailFiles) patterns() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	set := map[string]bool{}
	for _, j := range f.jails {
		for _, l := range j.Logs {
			set[l] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// foreignIn are the services of other programs that jails want in a log.
func (f *jailFiles) foreignIn(file string) parsers.Services {
	var specs []*configs.Jail
	for _, j := range f.list() {
		specs = append(specs, j.Jail)
	}
	return jails.ForeignIn(specs, file)
}

// refused says why files are refused, by jail.
func (f *jailFiles) refused() map[string]error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.bad)
}

// refusal is the answer to a reload: nil when every file was taken.
func (f *jailFiles) refusal() error {
	bad := f.refused()
	if err := bad[""]; err != nil {
		return control.Refuse(http.StatusConflict, todo(err, moreHint), "no jail changed: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		return control.Refuse(http.StatusConflict, todo(bad[name], moreHint), "jail %s is not changed, because its file has a mistake: %w", name, bad[name])
	}
	return nil
}

// logProblems logs each of the problems of a file with its own hint.
func logProblems(log *slog.Logger, what, name string, err error) {
	list, ok := err.(configs.Problems)
	if !ok {
		log.Error(what, "jail", name, "err", err, "hint", todo(err, "to see the mistake: jailctl check"))
		return
	}
	for _, p := range list {
		log.Error(what, "jail", name, "err", p.Error(), "hint", p.Hint())
	}
}
