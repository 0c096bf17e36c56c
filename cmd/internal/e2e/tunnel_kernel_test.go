package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// web starts a web server on the PBXs that only they can reach, at a port.
func (f *fleet) web(port int) {
	f.Helper()
	var l net.Listener
	f.must(f.net.PBX.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		return err
	}))
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the PBX") })}
	go s.Serve(l)
	f.Cleanup(func() { s.Close() })
}

// openTunnel is a tunnel of the admin that runs.
type openTunnel struct {
	*fleet
	cmd  *exec.Cmd
	out  *bufio.Reader
	said bytes.Buffer
}

func (f *fleet) tunnel(args ...string) *openTunnel {
	f.Helper()
	o := &openTunnel{fleet: f, cmd: f.jailctl(append([]string{"tunnel", "--ssh-config", f.path("config")}, args...)...)}
	pipe, err := o.cmd.StdoutPipe()
	f.must(err)
	o.cmd.Stderr, o.out = &o.said, bufio.NewReader(pipe)
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f.must(f.net.World.Start(o.cmd))
	f.Cleanup(func() { o.cmd.Process.Kill(); o.cmd.Wait() })
	return o
}

// address waits until the tunnel is open, and returns what it printed as its address. "":
// it ended.
func (o *openTunnel) address() string {
	for {
		line, err := o.out.ReadString('\n')
		if text, found := strings.CutPrefix(line, "open: "); found {
			return strings.TrimSpace(text)
		}
		if err != nil {
			return ""
		}
	}
}

// ends waits for the end of the tunnel.
func (o *openTunnel) ends() (exit int, said string) {
	io.Copy(io.Discard, o.out)
	o.cmd.Wait()
	return o.cmd.ProcessState.ExitCode(), o.said.String()
}

// ctrlC is that of a terminal: it reaches all programs of the group.
func ctrlC(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }

// dial connects from the machine of the admin.
func (f *fleet) dial(addr string) (conn net.Conn, err error) {
	err = f.net.World.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp4", addr, waitLimit)
		return err
	})
	return conn, err
}

// gets asks for a page over a connection.
func gets(conn net.Conn) string {
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	text, _ := io.ReadAll(conn)
	return string(text)
}

// The tunnel leads to the web interface, only programs of this machine reach it, and ctrl-c
// closes it.
func TestTunnel(t *testing.T) {
	f := newFleet(t)
	f.web(8088)
	for _, host := range []string{"good", "behind"} {
		o := f.tunnel(host, "--to", "8088", "--yes")
		url := o.address()
		addr := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
		conn, err := f.dial(addr)
		if err != nil {
			_, said := o.ends()
			t.Fatalf("%s: got %q, %v, %s", host, url, err, said)
		}
		if page := gets(conn); !strings.HasSuffix(page, "the PBX") {
			t.Errorf("%s: got %q", host, page)
		}
		_, port, _ := strings.Cut(addr, ":")
		if conn, err := f.dial("192.0.2.1:" + port); err == nil {
			conn.Close()
			t.Errorf("%s: other machines can reach the tunnel", host)
		}
		f.must(ctrlC(o.cmd))
		// The ssh to a jump host may say that its connection is gone, when both end at once.
		if exit, said := o.ends(); exit != 0 || strings.Trim(said, "\r\n") != "" && !strings.Contains(said, "client_loop: send disconnect") {
			t.Errorf("%s: got exit status %d, %s", host, exit, said)
		}
		if conn, err := f.dial(addr); err == nil {
			conn.Close()
			t.Errorf("%s: the port is still open", host)
		}
	}
}

// A proxy leads to whatever the PBX reaches.
func TestTunnelSocks(t *testing.T) {
	f := newFleet(t)
	f.web(8088)
	o := f.tunnel("good", "--socks", "--yes")
	addr := strings.TrimPrefix(o.address(), "socks5://")
	conn, err := f.dial(addr)
	f.must(err)
	answer := make([]byte, 12)
	conn.Write([]byte{5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 8088 >> 8, 8088 & 0xff}) // RFC 1928
	if _, err := io.ReadFull(conn, answer); err != nil || answer[1] != 0 || answer[3] != 0 {
		t.Fatalf("got % x, %v", answer, err)
	}
	if page := gets(conn); !strings.HasSuffix(page, "the PBX") {
		t.Errorf("got %q", page)
	}
}

// What goes wrong is said with what to do; ssh that ends takes the tunnel with it.
func TestTunnelTroubles(t *testing.T) {
	f := newFleet(t)
	f.web(8088)
	var taken net.Listener
	f.must(f.net.World.Do(func() (err error) { taken, err = net.Listen("tcp4", "127.0.0.1:0"); return err }))
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, tt := range []struct {
		args []string
		exit int
		said string
	}{
		{[]string{"good", "--to", "9", "--yes"}, 1, "good: nothing listens at 127.0.0.1:9 there\nhint: "},
		{[]string{"good", "--to", "8080", "--yes"}, 1, "good: nothing listens at 127.0.0.1:8080 there\nhint: "},
		{[]string{"good", "--to", "8443", "--yes"}, 1, "good: nothing listens at 127.0.0.1:8443 there\nhint: "},
		{[]string{"changed", "--yes"}, 5, "the host key is not the one that ssh knows"},
		{[]string{"stranger", "--yes"}, 5, "it does not accept the key"},
		{[]string{"good", "--ssh-port", "23", "--yes"}, 5, "no ssh server answers at this port"},
		{[]string{"pbx.invalid", "--yes"}, 5, "cannot look up \"pbx.invalid\""},
		{[]string{"good", "--local", port, "--yes"}, 1, "port " + port + " of this machine is in use"},
		{[]string{"good"}, 1, "not connected\nhint: "},
		{[]string{"good", "--to", "0"}, 2, "--to: "},
		{[]string{"-oProxyCommand=id"}, 2, "unknown shorthand flag"},
		{[]string{"--", "-oProxyCommand=id"}, 2, "is not the name of a host"},
	} {
		if exit, said := f.tunnel(tt.args...).ends(); exit != tt.exit || !strings.Contains(said, tt.said) {
			t.Errorf("%q: got exit status %d, %s want %d, %s", tt.args, exit, said, tt.exit, tt.said)
		}
	}
	o := f.tunnel("good", "--to", "8088", "--yes")
	if o.address() == "" {
		t.Fatal("the tunnel does not open")
	}
	f.must(syscall.Kill(childOf(o.cmd.Process.Pid), syscall.SIGKILL))
	if exit, said := o.ends(); exit != 5 || !strings.Contains(said, "the connection of ssh has ended") {
		t.Errorf("got exit status %d, %s", exit, said)
	}
}

// A connection that ssh shares is used, without another log-in, and stays when the tunnel is
// closed.
func TestTunnelSharesConnection(t *testing.T) {
	f := newFleet(t)
	f.web(8088)
	f.add(f.path("config"), "Host *\n ControlPath "+f.path("cm-%C")+"\n")
	master := exec.Command("ssh", "-F", f.path("config"), "-M", "-N", "--", "good")
	f.must(f.net.World.Start(master))
	t.Cleanup(func() { master.Process.Kill(); master.Wait() })
	check := func() error {
		_, err := f.net.World.Output(exec.Command("ssh", "-F", f.path("config"), "-O", "check", "--", "good"))
		return err
	}
	if !poll(func() bool { return check() == nil }) {
		t.Fatal("no shared connection")
	}
	o := f.tunnel("good", "--to", "8088", "--yes")
	addr := strings.TrimSuffix(strings.TrimPrefix(o.address(), "http://"), "/")
	conn, err := f.dial(addr)
	f.must(err)
	if page := gets(conn); !strings.HasSuffix(page, "the PBX") {
		t.Errorf("got %q", page)
	}
	f.must(ctrlC(o.cmd))
	if exit, said := o.ends(); exit != 0 || said != "" {
		t.Errorf("got exit status %d, %s", exit, said)
	}
	if conn, err := f.dial(addr); err == nil {
		conn.Close()
		t.Error("the port is still open")
	}
	f.must(check())
	log, err := os.ReadFile(f.log)
	f.must(err)
	if n := strings.Count(string(log), "Accepted publickey"); n != 1 {
		t.Errorf("got %d log-ins, want the one of the shared connection", n)
	}
}
