package freepbx

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/version"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

const (
	mostModules   = 512
	mostModuleXML = 1 << 20 // bytes: the list of changes of a module is in it
	maxXMLDepth   = 64
)

// module is what a module.xml says.
type module struct {
	Name    string // rawname
	Version string
}

var errNoModule = errors.New("it is not a module.xml with rawname and version")

// readModule takes the name and the version out of a module.xml: those right below its first
// element, and not those of what it depends on. Some modules have bytes that XML does not
// allow further below, so it stops when it has both.
func readModule(text string) (mod module, err error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	depth, field := 0, (*string)(nil)
	for mod.Name == "" || mod.Version == "" {
		t, err := d.Token()
		if err != nil {
			return module{}, errNoModule
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			field = nil
			switch {
			case depth > maxXMLDepth, depth == 1 && t.Name.Local != "module":
				return module{}, errNoModule
			case depth == 2 && t.Name.Local == "rawname":
				field = &mod.Name
			case depth == 2 && t.Name.Local == "version":
				field = &mod.Version
			}
		case xml.EndElement:
			depth--
			field = nil
		case xml.CharData:
			if field != nil && *field == "" {
				*field = strings.TrimSpace(string(t))
			}
		}
	}
	return mod, nil
}

// modules compares the versions of the installed modules with those that have known holes.
func modules(m *audit.Machine) (list []findings.Finding) {
	b, other := look(m)
	if other != nil {
		return other
	}
	known, looked := knownHoles(), 0
	list = b.unseenRoots("which modules the web interface has")
	holes := map[string][]advisory{}
	for _, a := range known.List {
		holes[a.Module] = append(holes[a.Module], a)
	}
	authtype := setting(m, "AUTHTYPE")
	found := map[string]bool{}
	for _, root := range b.roots {
		folder := root + "/admin/modules"
		if _, err := m.Stat(folder); err != nil {
			if !missing(err) {
				list = append(list, m.Unseen("modules", "which modules the web interface has", err))
			}
			continue
		}
		for _, file := range m.Glob(folder+"/*/module.xml", mostModules) {
			name := path.Base(path.Dir(file))
			text, err := m.Read(file, mostModuleXML)
			if errors.Is(err, audit.ErrTooLarge) {
				err = nil // what matters is at its beginning
			}
			var mod module
			if err == nil {
				mod, err = readModule(string(text))
			}
			if err != nil {
				if len(holes[name]) > 0 {
					list = append(list, m.Unseen("module "+named(name), "which version it is ("+named(file)+")", err))
				}
				continue
			}
			looked++
			found[mod.Name] = true
			list = append(list, judged(m, mod, file, holes[mod.Name], authtype)...)
		}
	}
	switch {
	case looked == 0 && len(list) == 0:
		list = append(list, findings.Finding{
			About: "modules", Severity: findings.Unknown, What: "cannot tell which modules the web interface has: there is no admin/modules below the folders of the web server",
			Evidence: b.roots, Hint: "look at the versions by hand: fwconsole ma list",
		})
	case len(list) == 0:
		list = append(list, audit.OK("modules", "%s looked at: none has a hole that was known on %s", show.Count(looked, "module"), known.Date))
	}
	return list
}

// judged are the holes of one module.
func judged(m *audit.Machine, mod module, file string, holes []advisory, authtype setValue) (list []findings.Finding) {
	v, ok := version.Parse(mod.Version)
	if !ok && len(holes) > 0 {
		return []findings.Finding{{
			About: "module " + named(mod.Name), Severity: findings.Unknown, What: "cannot tell whether it has known holes: its version is not a number",
			Evidence: []string{named(file) + ": version " + show.Quoted(mod.Version, 40)}, Hint: "look at the version by hand: fwconsole ma list",
		}}
	}
	for _, a := range holes {
		good, open := a.good(v)
		if !open {
			continue
		}
		f := findings.Finding{
			About: "module " + named(mod.Name), Severity: findings.Risky,
			What:       fmt.Sprintf("version %s has the hole %s: %s", v, a.ID, a.What),
			Evidence:   []string{fmt.Sprintf("%s: version %s; the hole is closed in %s", named(file), v, good)},
			Fix:        []findings.Step{findings.Command("fwconsole ma upgrade " + mod.Name), findings.Command("fwconsole reload")},
			References: []string{a.ID, a.Read},
		}
		if !a.Login {
			f.Severity = findings.Broken
		}
		if below, _ := version.Parse(good); below.Major() != v.Major() {
			f.Fix = nil
			f.Hint = fmt.Sprintf("there is no corrected version %d of this module: install FreePBX %d; until then, %s", v.Major(), below.Major(), a.shut())
		} else if a.Ports != "" {
			f.Hint = "until you can run the commands below, " + a.shut()
		}
		if want := a.Only["AUTHTYPE"]; want != "" {
			f = onlyWith(f, want, authtype)
		}
		if a.Used && f.Severity > findings.Note {
			f.What += ". Attackers are known to use it. Whether they were here, the other checks say"
		}
		list = append(list, f)
	}
	return list
}

// shut is how to keep attackers away from a hole that stays open.
func (a advisory) shut() string {
	if a.Ports != "" {
		return fmt.Sprintf("let the firewall refuse TCP ports %s to everybody but your own users. These ports are open beside the web interface, so that to close the web interface is not enough", a.Ports)
	}
	return "let no one but you open the web interface (firewall)"
}

// onlyWith is a hole that can only be used with a value of AUTHTYPE.
func onlyWith(f findings.Finding, want string, is setValue) findings.Finding {
	switch {
	case !is.known:
		f.Severity = findings.Risky
		f.Evidence = append(f.Evidence, "cannot tell what AUTHTYPE is: "+is.why)
	case !strings.EqualFold(is.text, want):
		f.Severity = findings.Note
		f.Evidence = append(f.Evidence, "AUTHTYPE is "+show.Word(is.text, 40)+", so it cannot be used now")
	default:
		f.Evidence = append(f.Evidence, "AUTHTYPE is "+want)
	}
	return f
}
