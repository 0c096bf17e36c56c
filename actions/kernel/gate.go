package kernel

import (
	"slices"
	"sync"
)

// GateFrame is what every kind of Gate has: the ports it guards, what is known of its sets,
// and the lock for everything that may start a program or wait for the kernel. The zero
// value guards nothing. Its methods may be called from any goroutine.
type GateFrame struct {
	Coverage Coverage

	slow   sync.Mutex // guards ports and closed, and is held by what the methods call
	ports  []Port
	names  []string // of their services
	closed bool
}

// Guard replaces the ports and calls setup to make what they need; without ports it removes
// everything.
func (f *GateFrame) Guard(ports []Port, setup func() error) error {
	if err := CheckPorts(ports); err != nil {
		return err
	}
	f.slow.Lock()
	defer f.slow.Unlock()
	if f.closed {
		return ErrClosed
	}
	f.ports = slices.Clone(ports)
	f.names, _ = Services(ports)
	f.Coverage.Keep(f.names)
	return setup()
}

// Check calls look where there is anything to look at.
func (f *GateFrame) Check(look func() error) error {
	f.slow.Lock()
	defer f.slow.Unlock()
	if f.closed {
		return ErrClosed
	}
	if len(f.ports) == 0 {
		return nil
	}
	return look()
}

// Ports are those that are guarded. Only functions that Guard, Check and IfIdle call may
// call it.
func (f *GateFrame) Ports() []Port { return f.ports }

// Names are the services of Ports, in order; the caller must not change them. Who may call
// Ports may call it.
func (f *GateFrame) Names() []string { return f.names }

// IfIdle calls do unless another method has the lock, and reports whether it did.
func (f *GateFrame) IfIdle(do func()) bool {
	if !f.slow.TryLock() {
		return false
	}
	defer f.slow.Unlock()
	do()
	return true
}

// Close calls release, once.
func (f *GateFrame) Close(release func() error) error {
	f.slow.Lock()
	defer f.slow.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	f.Coverage.Keep(nil)
	return release()
}
