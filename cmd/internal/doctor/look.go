package doctor

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/logs"
	"pbxjail/cmd/internal/program"
	"pbxjail/cmd/internal/survey"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/fail2ban"
)

const (
	tailLength = 256 << 10 // bytes of the end of a log
	mostTails  = 32
	mostFile   = 4 << 20 // bytes of a file that is read whole
	lookTime   = 20 * time.Second
)

// Look looks at this machine, with the rights of the caller. What cannot be read counts as
// not there: the daemon reports what it cannot read itself.
func Look(ctx context.Context, client *control.Client, now time.Time) *Env {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	e := &Env{Now: now, Root: os.DirFS("/")}
	e.askDaemon(ctx, client)
	if main, err := configs.LoadMain(e.mainFile()); err == nil {
		e.Main = main
		e.Jails, _ = configs.LoadJails(main.Jails) // the daemon names the bad ones
	}
	e.Found = survey.Look(ctx, survey.Machine{Root: e.Root, Version: survey.AskAsterisk})
	e.Folders = e.folders()
	hostname, _ := os.Hostname()
	e.Logs = logs.Find(e.Folders, hostname)
	e.Tails = tails(e.paths())
	e.Hooks, e.Sets = e.kernel(ctx)
	e.Disks = e.disks()
	e.Proxies = proxies(e.Root)
	if e.Found.Fail2ban.Running {
		e.Fail2ban, _, _ = fail2ban.Load("/etc/fail2ban")
	}
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err == nil {
		e.Clock = Clock{Known: true, Synchronised: t.Status&unix.STA_UNSYNC == 0}
	}
	return e
}

func (e *Env) askDaemon(ctx context.Context, client *control.Client) {
	s, err := client.Status(ctx)
	if err != nil {
		e.NoDaemon = err
		return
	}
	e.Status = &s
	e.Feeds, _ = client.Feeds(ctx) // status reports their problems too
	if e.Caller = client.SSH; e.Caller.IsValid() {
		if w, err := client.Why(ctx, e.Caller); err == nil {
			e.Guarded = w.Protected
		}
	}
}

// mainFile is the main file of the daemon, and whether it must be there.
func (e *Env) mainFile() (path string, explicit bool) {
	if e.Status != nil && e.Status.MainFile != "" {
		return e.Status.MainFile, true
	}
	return configs.DefaultMain, false
}

// folders are where Asterisk's configuration is: those that the daemon reads.
func (e *Env) folders() []string {
	if e.Status != nil && len(e.Status.Asterisk) > 0 {
		return e.Status.Asterisk
	}
	folder := asterisk.DefaultDir
	if e.Main != nil {
		folder = cmp.Or(e.Main.Asterisk, folder)
	}
	if folder != asterisk.DefaultDir {
		return []string{folder}
	}
	list := append([]string{folder}, host.ConfigFolders("/proc", "asterisk")...)
	slices.Sort(list)
	return slices.Compact(list)
}

// paths are the logs that are followed; without a daemon, those that Asterisk writes.
func (e *Env) paths() (list []string) {
	if e.Status != nil {
		for _, f := range e.Status.Files {
			list = append(list, f.Path)
		}
		return list
	}
	for _, l := range e.Logs.Asterisks {
		for _, c := range l.Channels {
			list = append(list, c.Path)
		}
	}
	return list
}

// tails reads the ends of the logs that are regular files.
func tails(paths []string) (list []Tail) {
	for _, name := range paths {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || len(list) == mostTails {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if info, err := f.Stat(); err == nil {
			text, _ := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-tailLength), tailLength))
			if info.Size() > tailLength { // it begins within a line
				_, text, _ = bytes.Cut(text, []byte("\n"))
			}
			if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
				list = append(list, Tail{name, string(text[:end+1]), info.ModTime()})
			}
		}
		f.Close()
	}
	return list
}

// kernel asks the tools of the firewall, which need root: what comes before our jump, and
// how full our sets are.
func (e *Env) kernel(ctx context.Context) (hooks []Hook, sets []Set) {
	if e.Status == nil || !e.Status.Enforcing {
		return nil, nil
	}
	table, chain := "raw", "PREROUTING"
	if e.Main != nil && e.Main.Hook == "filter" {
		table, chain = "filter", "INPUT"
	}
	for _, name := range []string{"iptables", "ip6tables"} {
		if !program.There(name) {
			continue
		}
		out, err := program.Run(ctx, name, "-w", "5", "-t", table, "-S", chain)
		if err != nil {
			continue
		}
		h := Hook{Program: name, Table: table, Chain: chain}
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "-A ") {
				h.Rules = append(h.Rules, line)
			}
		}
		hooks = append(hooks, h)
	}
	if program.There("ipset") {
		if out, err := program.Run(ctx, "ipset", "list", "-t"); err == nil {
			sets = setsOf(string(out), e.chain())
		}
	}
	return hooks, sets
}

// largest is how far the sets of bans grow: actions.Options.MaxElem.
const largest = 1 << 20

// setsOf reads "ipset list -t". A set of bans grows until it is the largest. In a set of
// those who were heard a new one may find no place from two in each bucket on
// (actions/ipset/gate.go).
func setsOf(text, chain string) (list []Set) {
	for part := range strings.SplitSeq(text, "\n\n") {
		var s Set
		for line := range strings.Lines(part) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch key {
			case "Name":
				s.Name = value
			case "Header":
				words := strings.Fields(value)
				for i := range len(words) - 1 {
					n, _ := strconv.Atoi(words[i+1])
					if heard := strings.Contains(s.Name, "_"); words[i] == "hashsize" && heard {
						s.Room = 2 * n
					} else if words[i] == "maxelem" && !heard {
						s.Room = max(n, largest)
					}
				}
			case "Number of entries":
				s.Used, _ = strconv.Atoi(value)
			}
		}
		if strings.HasPrefix(s.Name, chain) {
			list = append(list, s)
		}
	}
	return list
}

// disks are the file systems of the ledger and of the logs, each once.
func (e *Env) disks() (list []Disk) {
	seen := map[uint64]bool{}
	add := func(folder, what string) {
		info, err := os.Stat(folder)
		var at unix.Statfs_t
		var st unix.Stat_t
		if err != nil || !info.IsDir() || unix.Statfs(folder, &at) != nil || unix.Stat(folder, &st) != nil || seen[st.Dev] {
			return
		}
		seen[st.Dev] = true
		block := uint64(at.Bsize)
		list = append(list, Disk{folder, what, at.Bavail * block, at.Blocks * block, at.Ffree, at.Files})
	}
	if e.Main != nil {
		add(filepath.Dir(e.Main.Database), "the database")
	}
	for _, name := range e.paths() {
		if name != "" {
			add(filepath.Dir(name), "no log")
		}
	}
	return list
}

// proxies are the processes of docker-proxy: "-proto udp -host-ip 0.0.0.0 -host-port 5060".
func proxies(root fs.FS) (list []Proxy) {
	comms, _ := fs.Glob(root, "proc/[1-9]*/comm") // the pattern is right
	for _, comm := range comms {
		if text, err := fs.ReadFile(root, comm); err != nil || string(bytes.TrimSpace(text)) != "docker-proxy" {
			continue
		}
		folder := path.Dir(comm)
		line, _ := readFile(root, folder+"/cmdline")
		args := strings.Split(line, "\x00")
		one := Proxy{PID: path.Base(folder)}
		for i := range len(args) - 1 {
			switch strings.TrimLeft(args[i], "-") {
			case "proto":
				one.Protocol = args[i+1]
			case "host-port":
				n, _ := strconv.ParseUint(args[i+1], 10, 16)
				one.Port = uint16(n)
			}
		}
		list = append(list, one)
	}
	return list
}

// readFile reads a file that is not too big.
func readFile(root fs.FS, name string) (string, error) {
	if root == nil {
		return "", fs.ErrNotExist
	}
	f, err := root.Open(strings.TrimPrefix(name, "/"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", cmp.Or(err, fs.ErrInvalid)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostFile))
	return string(text), err
}
