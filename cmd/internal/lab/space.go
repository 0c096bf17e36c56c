package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Space is a named network namespace with one OS thread that lives in it.
// Whatever the thread opens or starts belongs to the namespace; sockets may
// then be used from any goroutine. Its methods may be called from any
// goroutine, but not from inside Do.
type Space struct {
	name string // under /run/netns, as ip-netns(8) names them
	jobs chan func()
	end  chan struct{}
	gone chan struct{}
}

var errClosed = errors.New("the namespace is closed")

func openSpace(name string) (*Space, error) {
	s := &Space{name: name, jobs: make(chan func()), end: make(chan struct{}), gone: make(chan struct{})}
	ready := make(chan error, 1)
	go s.live(ready)
	if err := <-ready; err != nil {
		return nil, errors.Join(fmt.Errorf("make network namespace %s: %w", name, err), removeName(name))
	}
	return s, nil
}

// live is the thread. It never goes back to the runtime's pool: another goroutine would get
// a thread in a foreign namespace.
func (s *Space) live(ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() { // the main thread cannot die: hold it while another takes the part
		handed := make(chan error, 1)
		go s.live(handed)
		ready <- <-handed
		runtime.UnlockOSThread()
		return
	}
	defer close(s.gone)
	home, err := netns.NewNamed(s.name)
	if err == nil {
		err = home.Close() // the name and this thread keep it
	}
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-s.end:
			return
		}
	}
}

// Name is what `ip netns exec NAME` takes.
func (s *Space) Name() string { return s.name }

// Do runs f inside the namespace and returns its error. f must not call t.Fatal
// or another method of s, and should be quick: one f runs at a time.
func (s *Space) Do(f func() error) error {
	done := make(chan error, 1)
	select {
	case s.jobs <- func() { done <- f() }:
		return <-done
	case <-s.end:
		return errClosed
	}
}

// Apart runs f inside the namespace on a thread of its own, so f may take its
// time. Mounts made with Mount are not seen there.
func (s *Space) Apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if unix.Gettid() == os.Getpid() {
			done <- s.Apart(f)
			runtime.UnlockOSThread()
			return
		}
		home, err := netns.GetFromName(s.name)
		if err == nil {
			err = errors.Join(netns.Set(home), home.Close())
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// Start starts cmd inside the namespace; the caller waits for it. A program
// that is still running when the namespace is closed, or when this process
// dies, is killed (prctl(2), PR_SET_PDEATHSIG).
func (s *Space) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return s.Do(cmd.Start)
}

// Output runs cmd inside the namespace to its end and returns what it printed.
// What it complained of is in the error.
func (s *Space) Output(cmd *exec.Cmd) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := s.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out.Bytes(), err
}

// Mount shows dir as target to programs started from now on, and to no others: the thread
// gets a mount namespace of its own. Where target does not exist, an empty file system over
// its nearest folder takes it in, so nothing is made on the host.
func (s *Space) Mount(dir, target string) error {
	return s.Do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("keep mounts to ourselves: %w", err)
		}
		if _, err := os.Stat(target); err != nil {
			over := existing(filepath.Dir(target))
			if over == "/" {
				return fmt.Errorf("mount %s at %s: there is no folder for it", dir, target)
			}
			if err := unix.Mount("none", over, "tmpfs", 0, ""); err != nil {
				return fmt.Errorf("cover %s: %w", over, err)
			}
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
		}
		if err := unix.Mount(dir, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show %s as %s: %w", dir, target, err)
		}
		return nil
	})
}

// existing is the nearest folder at or above path that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		path = filepath.Dir(path)
	}
}

// close removes the name and lets the thread, and with it the namespace, go.
// It must be called once.
func (s *Space) close() error {
	close(s.end)
	<-s.gone
	return removeName(s.name)
}
