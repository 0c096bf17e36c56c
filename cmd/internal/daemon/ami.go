package daemon

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/messages"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/jails/home"
	"pbxjail/parsers"
	events "pbxjail/parsers/manager"
	"pbxjail/watcher/ami"
)

// amiSource is the source of what Asterisk reports over its manager interface: security
// events, as one more witness, and who is registered. All methods may be called from any
// goroutine; Run only once.
type amiSource struct {
	log    *slog.Logger
	main   configs.AMI
	client *ami.Client

	hear       func(e *parsers.Event, now time.Time)         // set before Run
	registered func(list []home.Registration, now time.Time) // set before Run
	trunks     func(list []asterisk.Trust)                   // set before Run
	calls      func(c *events.Call, now time.Time)           // set before Run; nil: nothing follows calls
	carriers   func(names []string)                          // set before Run; nil: as calls
	outside    func(numbers map[string]string)               // accounts at the address of a trunk; set before Run; nil: as calls
	isTrunk    func(a netip.Addr, name string) bool          // by Asterisk's files; set before Run
	known      func()                                        // closes ready, once
	ready      chan struct{}                                 // closed when it is known who is registered, or that it cannot be known
	logins     chan struct{}                                 // given after each log-in
	again      chan struct{}                                 // given when who is registered has changed

	// Of the goroutine that receives events.
	message events.Message
	words   []byte

	mu       sync.Mutex // guards all below
	events   uint64     // security events
	doubtful uint64     // of these, that charge no address
	contacts int        // that are registered
	fixed    int        // trunks
	listed   error      // why it is not known who is registered
}

const (
	// amiMask are the classes of events: security events, calls, and who is reachable.
	amiMask = "security,call,cdr,system"
	// contactsEvery is how often Asterisk is asked who is registered, and contactsAfter how
	// long after it reports that this has changed.
	contactsEvery = 10 * time.Minute
	contactsAfter = 30 * time.Second
	// amiFirst is how long the first events of logs wait for the first list.
	amiFirst = 3 * time.Second
)

// newAMISource opens nothing before Run.
func newAMISource(main configs.AMI, log *slog.Logger) *amiSource {
	s := &amiSource{log: log, main: main, ready: make(chan struct{}), again: make(chan struct{}, 1), logins: make(chan struct{}, 1)}
	s.known = sync.OnceFunc(func() { close(s.ready) })
	opts := ami.Options{
		Address: main.Address, User: main.User, Plain: main.Auth == "plain", Mask: amiMask, Look: main.TLS || isLoopback(main.Address),
		Secret: func() (string, error) { return messages.Secret(main.SecretFile) },
		Event:  s.event, Connected: func() { give(s.logins) }, Notify: s.changed,
	}
	if main.TLS {
		opts.Dial = s.dialTLS
	}
	s.client = ami.New(opts)
	return s
}

func (d *Daemon) openAMI(main configs.AMI) {
	if main.Enabled() {
		d.ami = newAMISource(main, d.log)
		d.ami.hear, d.ami.registered, d.ami.trunks = d.reading.hearAMI, d.warden.Registered, d.upkeep.guard.SetListed
		d.ami.isTrunk = d.upkeep.guard.IsTrunk
	}
}

// dialTLS reads the certificates at each connection, so that new ones need no restart.
func (s *amiSource) dialTLS(ctx context.Context, address string) (net.Conn, error) {
	roots, err := messages.Roots(s.main.CAFile)
	if err != nil {
		return nil, err
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, hint.Add("in manager.conf, write tlsenable=yes, tlsbindaddr and tlscertfile; then: asterisk -rx 'manager reload'. In the main file, below ami, write the file of this certificate as ca_file, and a name of this certificate as address; then: systemctl restart pbxjail", err)
	}
	return conn, nil
}

// changed logs a new problem of the connection, or that there is none.
func (s *amiSource) changed(problem error) {
	if problem == nil {
		s.log.Info("the manager interface of Asterisk is connected again")
		return
	}
	s.known()
	s.log.Error("pbxjail has no connection to the manager interface of Asterisk (AMI). Bans still work: pbxjail reads logs and packets", "err", problem, "hint", todo(problem, "to see how to connect: jailctl help ami"))
}

// give wakes who waits for a channel with room for one.
func give(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// event takes one event of Asterisk. One that is not guarded may be forged as a whole: it
// charges no address, and no call is counted by it.
func (s *amiSource) event(packet []byte, guarded bool) {
	now := time.Now()
	s.message.Read(packet)
	switch name := s.message.Event(); name {
	case "ContactStatus", "PeerStatus":
		give(s.again)
		return
	case "Newchannel", "DialBegin", "DialEnd", "Hangup", "Cdr":
		var c events.Call
		if guarded && s.calls != nil && s.message.Call(&c) {
			s.calls(&c, now)
		}
		return
	}
	var e parsers.Event
	var ok bool
	if s.words, ok = s.message.Security(&e, guarded, s.words); !ok {
		return
	}
	s.mu.Lock()
	s.events++
	if e.Result == parsers.Ambiguous {
		s.doubtful++
	}
	s.mu.Unlock()
	s.hear(&e, now)
}

// Run keeps the connection, and asks who is registered, until ctx ends.
func (s *amiSource) Run(ctx context.Context) error {
	var asking sync.WaitGroup
	asking.Go(func() { s.follow(ctx) })
	defer asking.Wait()
	return s.client.Run(ctx)
}

// follow asks who is registered: after each log-in at once, some time after it has changed, and
// from time to time. A PBX with many phones must not list them all the time.
func (s *amiSource) follow(ctx context.Context) {
	due := time.NewTimer(contactsEvery)
	defer due.Stop()
	for soon := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.again:
			if !soon {
				soon = true
				due.Reset(contactsAfter)
			}
			continue
		case <-s.logins:
		case <-due.C:
		}
		soon = false
		s.ask(ctx)
		s.known()
		due.Reset(contactsEvery)
	}
}

// ask asks who is registered.
func (s *amiSource) ask(ctx context.Context) {
	if s.client.State().Since.IsZero() {
		return // the next log-in asks
	}
	var found registrations
	commands, err := s.client.Do(ctx, "ListCommands")
	if err == nil {
		err = found.list(ctx, s.client, commands)
	}
	s.mu.Lock()
	before := s.listed
	s.listed = err
	if err == nil {
		s.contacts, s.fixed = len(found.phones), len(found.trunks)
	}
	s.mu.Unlock()
	if err != nil {
		if before == nil && ctx.Err() == nil {
			s.log.Warn("pbxjail does not know which phones are registered, because Asterisk does not list them over AMI. pbxjail learns each phone at its next log-in", "err", err, "hint", todo(err, "to see what the user of pbxjail needs in manager.conf: jailctl help ami"))
		}
		return
	}
	s.registered(found.phones, time.Now())
	s.trunks(found.trunks)
	if s.carriers != nil {
		s.carriers(found.carriers)
		s.outside(found.outside(s.isTrunk))
	}
}

// status is what status shows of the manager interface.
func (s *amiSource) status() control.AMI {
	state := s.client.State()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := control.AMI{
		Enabled: true, Address: s.main.Address, User: s.main.User, Since: control.Moment(state.Since), Guarded: state.Guarded, OwnFilter: state.Filters, Version: state.Version,
		Events: s.events, Doubtful: s.doubtful, TooLong: state.Passed, Registered: s.contacts, Trunks: s.fixed,
	}
	if state.Problem != nil {
		a.Problem, a.Hint = state.Problem.Error(), hint.Of(state.Problem)
	}
	return a
}

// problems are those of the manager interface, for status and doctor. Without one there are
// none.
func (s *amiSource) problems() (list []control.Problem) {
	if s == nil {
		return nil
	}
	add := func(what, do string) {
		list = append(list, control.Problem{About: control.AboutAMI, What: what, Hint: do})
	}
	a := s.status()
	s.mu.Lock()
	listed := s.listed
	s.mu.Unlock()
	switch {
	case a.Problem != "":
		add("pbxjail has no connection to the manager interface of Asterisk (AMI): "+a.Problem, a.Hint)
	case a.Since == nil:
	case a.OwnFilter:
		add("events of the manager interface (AMI) ban no address, and no call is counted over AMI, because an eventfilter of user "+a.User+" in manager.conf lets events pass that a caller may have forged", "remove the lines eventfilter = of this user; then: asterisk -rx 'manager reload' and systemctl restart pbxjail")
	case !a.Guarded:
		add("events of the manager interface (AMI) ban no address, and calls are not counted over AMI. A caller could forge events, because the user of pbxjail may not filter events in Asterisk", "in manager.conf, below ["+a.User+"], add system to the line write = ...; then: asterisk -rx 'manager reload'; systemctl restart pbxjail")
	case listed != nil:
		add("pbxjail does not know which phones are registered, because Asterisk does not list them over AMI: "+listed.Error(), todo(listed, "to see what the user of pbxjail needs in manager.conf: jailctl help ami"))
	}
	return list
}
