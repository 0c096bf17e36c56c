package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pbxjail/configs/hint"
)

// suites says which Debian has which Asterisk: the last one with chan_sip, and
// the newest.
var suites = map[string]string{"16": "bullseye", "22": "sid"}

// buildTime is how long a folder may take, on a slow mirror too.
const buildTime = 15 * time.Minute

// Tools makes sure that programs are there, and installs with apt-get the
// packages of those that are not. say is called with what is done.
func Tools(ctx context.Context, say func(string), packages map[string]string) error {
	var need []string
	for program, pkg := range packages {
		if _, err := exec.LookPath(program); err != nil && !slices.Contains(need, pkg) {
			need = append(need, pkg)
		}
	}
	if len(need) == 0 {
		return nil
	}
	slices.Sort(need)
	say("apt-get install " + strings.Join(need, " "))
	var log strings.Builder
	return apt(ctx, "", &log, need...)
}

// BuildRoot returns a folder below dir that holds a Debian with this version of
// Asterisk in it. A folder that an earlier run finished is taken as it is; a new
// one takes minutes, and comes from the mirror that apt of this machine uses.
func BuildRoot(ctx context.Context, dir, version string, say func(string)) (root string, err error) {
	suite, known := suites[version]
	if !known {
		return "", fmt.Errorf("no Debian is known that has Asterisk %s", version)
	}
	root = filepath.Join(dir, "asterisk-"+version)
	if _, err := os.Stat(root); err == nil {
		return root, nil
	}
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	mirror, err := debianMirror(ctx)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(dir, "building-") // a name of its own: two runs do not build into each other
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	said, err := os.Create(filepath.Join(dir, "asterisk-"+version+".log"))
	if err != nil {
		return "", err
	}
	defer said.Close()
	say(fmt.Sprintf("install Asterisk %s of Debian %s into %s; progress is in %s", version, suite, root, said.Name()))
	begin := time.Now()
	if err = os.Chmod(part, 0o755); err == nil { // users other than root live in there
		err = build(ctx, suite, part, mirror, said)
	}
	if err != nil {
		return "", hint.Errorf("see "+said.Name(), "build Asterisk %s: %w", version, err)
	}
	if err := os.Rename(part, root); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	say(fmt.Sprintf("built within %v", time.Since(begin).Round(time.Second)))
	return root, nil
}

func build(ctx context.Context, suite, root, mirror string, said io.Writer) error {
	if err := run(ctx, "", said, "debootstrap", "--variant=minbase", suite, root, mirror); err != nil {
		return err
	}
	conf, err := exec.CommandContext(ctx, "apt-config", "dump", "Acquire").Output() // a proxy, for one
	if err != nil {
		return fmt.Errorf("ask apt how it fetches: %w", err)
	}
	conf = append(conf, "Acquire::Check-Valid-Until \"false\";\n"...) // old suites are signed once
	err = errors.Join(
		os.WriteFile(filepath.Join(root, "usr/sbin/policy-rc.d"), []byte("#!/bin/sh\nexit 101\n"), 0o755),     // no package starts a service
		os.WriteFile(filepath.Join(root, "etc/dpkg/dpkg.cfg.d/90pbxlab"), []byte("force-unsafe-io\n"), 0o644), // dpkg(1): a sync a file takes minutes
		os.WriteFile(filepath.Join(root, "etc/apt/apt.conf.d/90pbxlab"), conf, 0o644))
	for _, name := range []string{"etc/resolv.conf", "etc/hosts"} {
		text, readErr := os.ReadFile("/" + name)
		if readErr == nil {
			err = errors.Join(err, os.WriteFile(filepath.Join(root, name), text, 0o644))
		}
	}
	if err != nil {
		return err
	}
	if err := apt(ctx, root, said, "asterisk"); err != nil {
		return err
	}
	// a name in a packet is refused at once: chan_sip waits for an answer, and all phones with it
	return errors.Join(
		os.WriteFile(filepath.Join(root, "etc/resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o644),
		os.WriteFile(filepath.Join(root, "etc/hosts"), []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644))
}

// apt installs packages below root, on the machine itself where root is "".
func apt(ctx context.Context, root string, said io.Writer, packages ...string) error {
	if err := run(ctx, root, said, "/usr/bin/apt-get", "update", "-qq"); err != nil {
		return err
	}
	return run(ctx, root, said, "/usr/bin/apt-get", append([]string{"install", "-y", "-qq", "--no-install-recommends"}, packages...)...)
}

// run runs a program below root to its end. It lives in a pid and a mount
// namespace of its own: when it ends, or is ended, nothing it started or mounted
// stays.
func run(ctx context.Context, root string, said io.Writer, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Pdeathsig: syscall.SIGKILL,
		Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS,
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(program), args[0], err)
	}
	return nil
}

// debianMirror asks apt of this machine where its Debian comes from.
func debianMirror(ctx context.Context) (string, error) {
	ask := func() string {
		out, _ := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)",
			"Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main").Output()
		first, _, _ := strings.Cut(string(out), "\n")
		return first
	}
	mirror := ask()
	if mirror == "" { // its lists may never have been fetched
		if err := run(ctx, "", io.Discard, "/usr/bin/apt-get", "update", "-qq"); err != nil {
			return "", err
		}
		mirror = ask()
	}
	if mirror == "" {
		return "", hint.New("on another system, build the folders on a Debian and name them with --dir", "apt knows no mirror of Debian")
	}
	return mirror, nil
}
