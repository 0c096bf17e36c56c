package lab

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The configuration of the bench's PBX: the common files, those of a version,
// and those that let callers without an account in.
//
//go:embed asterisk
var asteriskFiles embed.FS

// Ports of the bench's PBX besides Port. Asterisk 16 has chan_sip at Port, and
// PJSIP beside it.
const (
	PJSIPBesides = 5062
	IAXPort      = 4569
	AMIPort      = 5038
	HTTPPort     = 8088
)

// Asterisk is a real one that runs in the PBX's namespace.
type Asterisk struct {
	Logs  string // the folder on the host that is its /var/log/asterisk
	net   *Net
	root  string
	user  syscall.Credential
	dir   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
}

// StartAsterisk starts the Asterisk of a folder that BuildRoot made, with the
// bench's configuration. It writes its logs into logs, and keeps its own files in
// dir, so nothing in root changes. guests lets callers without an account reach
// the dialplan. files, by name, replace files of the bench's configuration; nil
// replaces none. It ends with the Net.
func (n *Net) StartAsterisk(ctx context.Context, root, version, dir, logs string, guests bool, files map[string]string) (*Asterisk, error) {
	a := &Asterisk{net: n, root: root, dir: dir, Logs: logs, ended: make(chan struct{})}
	folders := []string{"common", version}
	if guests {
		folders = append(folders, "guests")
	}
	err := errors.Join(os.MkdirAll(a.path("etc"), 0o755), os.MkdirAll(a.path("run/asterisk"), 0o755))
	for _, folder := range folders {
		err = errors.Join(err, copyFiles("asterisk/"+folder, a.path("etc")))
	}
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(a.path("etc"), name), []byte(text), 0o644))
	}
	if err == nil {
		a.user, err = userOf(root, "asterisk")
	}
	if err == nil {
		err = errors.Join(a.give(logs), a.give(a.path("run")))
	}
	for target, source := range map[string]string{"etc/asterisk": a.path("etc"), "run": a.path("run"), "var/log/asterisk": logs, "proc": "/proc"} {
		if err == nil {
			err = n.PBX.Mount(source, filepath.Join(root, target))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("prepare Asterisk %s: %w", version, err)
	}
	said, err := os.Create(a.path("asterisk.out"))
	if err != nil {
		return nil, err
	}
	defer said.Close()
	a.cmd = a.command("-f")
	a.cmd.Stdout, a.cmd.Stderr = said, said
	if err := n.PBX.Start(a.cmd); err != nil {
		return nil, fmt.Errorf("start Asterisk %s: %w", version, err)
	}
	go func() { a.cmd.Wait(); close(a.ended) }()
	return a, a.booted(ctx)
}

func (a *Asterisk) path(name string) string { return filepath.Join(a.dir, name) }

// command is the program asterisk, in its own folder and as its own user.
func (a *Asterisk) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/usr/sbin/asterisk", args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/run/asterisk", "TERM=dumb"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: a.root, Credential: &a.user}
	return cmd
}

// CLI runs one of Asterisk's own commands and returns what it printed.
func (a *Asterisk) CLI(command string) (string, error) {
	out, err := a.net.PBX.Output(a.command("-rx", command))
	return string(out), err
}

// Configure replaces files of Asterisk's configuration, by name, while it runs. It reads
// them at the next reload (CLI).
func (a *Asterisk) Configure(files map[string]string) (err error) {
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(a.path("etc"), name), []byte(text), 0o644))
	}
	return err
}

// booted returns when everything is loaded.
func (a *Asterisk) booted(ctx context.Context) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if out, err := a.CLI("core waitfullybooted"); err == nil && strings.Contains(out, "fully booted") {
			return nil
		}
		select {
		case <-tick.C:
			continue
		case <-a.ended:
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(a.path("asterisk.out"))
		return fmt.Errorf("asterisk does not start; it prints: %.2000s", text)
	}
}

// Wait returns when Asterisk has ended, which it does with its namespace.
func (a *Asterisk) Wait() { <-a.ended }

// give lets Asterisk write into a folder of ours.
func (a *Asterisk) give(folder string) error {
	return filepath.WalkDir(folder, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(p, int(a.user.Uid), int(a.user.Gid))
	})
}

func copyFiles(folder, to string) error {
	entries, err := asteriskFiles.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("no configuration of ours: %w", err)
	}
	for _, e := range entries {
		text, err := asteriskFiles.ReadFile(path.Join(folder, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// userOf reads a user out of the passwd(5) of another root.
func userOf(root, name string) (user syscall.Credential, err error) {
	text, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		return user, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); len(f) > 3 && f[0] == name {
			uid, errU := strconv.ParseUint(f[2], 10, 32)
			gid, errG := strconv.ParseUint(f[3], 10, 32)
			return syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errU, errG)
		}
	}
	return user, fmt.Errorf("%s has no user %s", root, name)
}
