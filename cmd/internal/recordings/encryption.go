package recordings

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pbxjail/configs/show"
)

// What Encryption.State can be.
const (
	Encrypted  = "encrypted"
	NotSeen    = "not encrypted by this system"
	CannotTell = "cannot tell"
)

// Encryption is whether the recordings in a folder are encrypted on the disk.
type Encryption struct {
	State string `json:"state"`
	Why   string `json:"why"` // how that is known, or why it is not
}

// mount is a line of proc_pid_mountinfo(5).
type mount struct{ dev, point, kind, source string }

// encryption looks at the folder and at the devices below its file system.
func (m *Machine) encryption(f *Folder) Encryption {
	o, err := m.openFolder(f.Path)
	if err != nil {
		return Encryption{CannotTell, err.Error()}
	}
	defer o.file.Close()
	var x unix.Statx_t
	if err := unix.Statx(int(o.file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS, &x); err != nil {
		return Encryption{CannotTell, "the kernel does not say on which device the folder is"}
	}
	if x.Attributes&x.Attributes_mask&unix.STATX_ATTR_ENCRYPTED != 0 {
		return Encryption{Encrypted, "by the file system (fscrypt)"}
	}
	mnt, ok := m.mountOf(o.real, fmt.Sprintf("%d:%d", x.Dev_major, x.Dev_minor))
	if !ok {
		return Encryption{CannotTell, "the folder is in no line of /proc/self/mountinfo"}
	}
	switch kind := mnt.kind; {
	case slices.Contains([]string{"ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs"}, kind):
		return Encryption{Encrypted, "by the file system (" + kind + ")"}
	case strings.HasPrefix(mnt.dev, "0:") && !strings.HasPrefix(mnt.source, "/dev/"):
		return Encryption{CannotTell, "the folder is on a file system of kind " + show.Word(kind, 30) + ", which does not say what is below it"}
	case strings.HasPrefix(mnt.dev, "0:"): // btrfs and the like have no device number of their own
		var st unix.Stat_t
		if unix.Stat(m.path(mnt.source), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
			return Encryption{CannotTell, "the device of the file system is not known"}
		}
		mnt.dev = fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	return m.device(mnt.dev)
}

// mountOf finds the mount of a folder: by its device, else the one whose path is longest.
func (m *Machine) mountOf(real, dev string) (best mount, ok bool) {
	f, err := os.Open(filepath.Join(m.proc(), "self/mountinfo"))
	if err != nil {
		return best, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		left, right, found := strings.Cut(lines.Text(), " - ")
		a, b := strings.Fields(left), strings.Fields(right)
		if !found || len(a) < 5 || len(b) < 2 {
			continue
		}
		one := mount{a[2], unescapeMount(a[4]), b[0], unescapeMount(b[1])}
		if one.dev == dev {
			return one, true
		}
		if inside(real, one.point) && len(one.point) >= len(best.point) {
			best, ok = one, true
		}
	}
	return best, ok
}

// unescapeMount undoes the \040 of mountinfo.
func unescapeMount(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// inside reports whether a path is a folder or below it.
func inside(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// maxLayers is how many devices can be above each other.
const maxLayers = 8

// device looks at a block device and at those below it, in sysfs.
func (m *Machine) device(dev string) Encryption {
	encrypted, leaves := m.layers(dev, maxLayers)
	switch {
	case encrypted:
		return Encryption{Encrypted, "by dm-crypt (LUKS or plain)"}
	case len(leaves) == 0:
		return Encryption{CannotTell, "nothing is known of block device " + dev}
	}
	name := strings.Join(leaves, ", ")
	if m.virtual(leaves) {
		return Encryption{CannotTell, "the disk (" + name + ") is a virtual one: this system does not encrypt it, but its host may"}
	}
	return Encryption{NotSeen, "there is no dm-crypt between the file system and the disk (" + name + "); a disk that encrypts by itself is not seen"}
}

// layers reports whether all ways from a device down lead through dm-crypt. leaves are the
// disks at the ends of the others.
func (m *Machine) layers(dev string, left int) (encrypted bool, leaves []string) {
	folder := filepath.Join(m.root(), "sys/dev/block", dev)
	if uuid, err := os.ReadFile(filepath.Join(folder, "dm/uuid")); err == nil && strings.HasPrefix(string(uuid), "CRYPT-") { // cryptsetup(8)
		return true, nil
	}
	slaves, _ := os.ReadDir(filepath.Join(folder, "slaves")) // a partition has none
	if len(slaves) == 0 || left == 0 {
		real, err := filepath.EvalSymlinks(folder)
		if err != nil {
			return false, nil
		}
		return false, []string{show.Flat(filepath.Base(real), 40)}
	}
	encrypted = true
	for _, s := range slaves {
		text, err := os.ReadFile(filepath.Join(folder, "slaves", s.Name(), "dev"))
		one := false
		if err == nil {
			var more []string
			one, more = m.layers(strings.TrimSpace(string(text)), left-1)
			leaves = append(leaves, more...)
		}
		encrypted = encrypted && one
	}
	return encrypted, leaves
}

// virtualMakers are how virtual machines name themselves: systemd-detect-virt(1).
var virtualMakers = []string{"QEMU", "VMware", "Xen", "innotek", "VirtualBox", "Microsoft Corporation Virtual", "Amazon EC2", "Google", "KVM", "OpenStack", "DigitalOcean", "Hetzner", "Parallels", "Bochs", "Nutanix"}

// virtual reports whether a disk, or the whole machine, is a virtual one.
func (m *Machine) virtual(leaves []string) bool {
	if slices.ContainsFunc(leaves, func(name string) bool { return strings.HasPrefix(name, "vd") || strings.HasPrefix(name, "xvd") }) {
		return true
	}
	text := ""
	for _, name := range []string{"sys_vendor", "product_name"} {
		line, _ := os.ReadFile(filepath.Join(m.root(), "sys/class/dmi/id", name)) // not on each machine
		text += strings.TrimSpace(string(line)) + " "
	}
	return slices.ContainsFunc(virtualMakers, func(maker string) bool { return strings.Contains(text, maker) })
}
