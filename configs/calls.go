package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/hint"
)

// Calls watches the calls of each account. The zero value watches none.
type Calls struct {
	Enabled       bool        `yaml:"enabled" default:"false" doc:"Watch the calls of each account, and report an account that makes calls like a thief. jailctl help calls explains it."`
	Country       string      `yaml:"country" optional:"DE" doc:"Your country, two capital letters (ISO 3166). It must be given with enabled: true. It says which calls go abroad."`
	International []TrapName  `yaml:"international" optional:"[00]" doc:"What your phones dial before a country code. Left out: the prefix of your country, such as 00 or 011. + is always understood."`
	National      TrapName    `yaml:"national" optional:"0" doc:"What your phones dial before an area code. none: nothing. Left out: the prefix of your country, such as 0 or 1."`
	Outside       []TrapName  `yaml:"outside" optional:"[0, 9]" doc:"Digits for an outside line, if your phones dial some before a number."`
	Emergency     []TrapName  `yaml:"emergency" optional:"[112, 110]" doc:"Emergency numbers. Such a call is never counted, never hung up, and passes while its account is barred. Left out: 112, 911 and those of other countries."`
	Night         string      `yaml:"night" default:"22:00-06:00" doc:"When calls are calls at night, by the clock of this machine."`
	CDR           []string    `yaml:"cdr" optional:"[/var/log/asterisk/cdr-csv/Master.csv]" check:"path" doc:"Call records of Asterisk, as text (cdr_csv or cdr_custom). Asterisk writes a record at the end of a call. Left out: Master.csv of cdr_csv and of cdr_custom in the log folder of Asterisk."`
	CDRFields     []string    `yaml:"cdr_fields" optional:"[clid, src, dst, channel, start, answer, end, duration, billsec, disposition]" doc:"The fields of a record, in their order, if cdr_custom.conf or cdr.conf is not as Asterisk ships it. Needed are dst, channel, start, billsec and end or duration; accountcode and uniqueid are used; other names are skipped."`
	Action        []string    `yaml:"action" optional:"[tell, bar, hangup]" check:"one of tell report bar hangup" doc:"What happens at a critical limit, beside the entry in status and history. tell (or report): a message of kind stolen. hangup: the running calls of the account end. bar: Asterisk's database gets the key pbxjail-barred/ACCOUNT, which your dialplan reads: jailctl calls --dialplan prints the lines for it. hangup and bar need AMI. Left out: tell. No address is banned."`
	Limits        []CallLimit `yaml:"limits" optional:"" doc:"Limits of your own. Each entry replaces the limits that it names, for the accounts and destinations that it names; a later entry wins."`
	Rates         []CallRate  `yaml:"rates" optional:"" doc:"What a minute costs, for the estimate in messages. Left out: no estimate."`
	Currency      string      `yaml:"currency" default:"EUR" doc:"Currency of rates."`
	MaxAccounts   int         `yaml:"max_accounts" default:"5000" check:"from 100 to 100000" doc:"How many accounts are watched one by one. The calls of more accounts are counted together, as one account."`
}

// CallLimit are limits for some accounts and destinations. A Limit that is not given is
// that of an entry before, or the built-in one.
type CallLimit struct {
	Line int // its line in the file

	Accounts     []TrapName `yaml:"accounts" optional:"[301, 302]" doc:"Accounts: the names of endpoints or peers in Asterisk. Left out: all."`
	Groups       []TrapName `yaml:"groups" optional:"[sales]" doc:"Groups of accounts: their accountcode in Asterisk. Left out: all."`
	Destinations []TrapName `yaml:"destinations" optional:"[IL, 4470]" doc:"abroad, premium, national, a country (two capital letters), or the first digits of numbers, with the country code and without 00 or +. Left out: abroad and premium."`
	PerMinute    Limit      `yaml:"calls_per_minute" optional:"5/10" doc:"Calls that begin within one minute: warning/critical, such as 5/10; or off."`
	Concurrent   Limit      `yaml:"concurrent" optional:"4/8" doc:"Calls at the same time."`
	Minutes      Limit      `yaml:"minutes" optional:"180/360" doc:"Minutes of talk within a day."`
	Sequential   Limit      `yaml:"sequential" optional:"15/30" doc:"Calls to one number, one after another, within a day."`
	NewCountries Limit      `yaml:"new_countries" optional:"3/6" doc:"Countries that the account calls for the first time ever, within a day. Counted after the first week."`
	Night        Limit      `yaml:"night" optional:"10/20" doc:"Calls at night within a day."`
}

// Limit is a pair of fixed limits: reaching Warning or Critical counts. The zero value was
// not given; Off limits nothing.
type Limit struct{ Warning, Critical int }

// Off is the Limit that limits nothing.
var Off = Limit{-1, -1}

// String is the limit as a file has it; "" if none was given.
func (l Limit) String() string {
	switch l {
	case Limit{}:
		return ""
	case Off:
		return "off"
	}
	return fmt.Sprintf("%d/%d", l.Warning, l.Critical)
}

// maxCallLimit bounds a limit: counters are small.
const maxCallLimit = 10_000

func parseLimit(text string) (Limit, error) {
	if text == "off" {
		return Off, nil
	}
	warning, critical, both := strings.Cut(text, "/")
	w, err := strconv.Atoi(warning)
	c, err2 := strconv.Atoi(critical)
	switch {
	case !both || err != nil || err2 != nil || w < 1 || c > maxCallLimit:
		return Limit{}, hint.New(fmt.Sprintf("write two numbers from 1 to %d, such as 5/10: a warning at 5 calls, critical at 10; or write off", maxCallLimit), quote(text)+" is not a limit")
	case w > c:
		return Limit{}, hint.New(fmt.Sprintf("write the smaller number first: %d/%d", c, w), quote(text)+" has a warning that is above the critical limit")
	}
	return Limit{w, c}, nil
}

// CallRate is what calls cost.
type CallRate struct {
	Line int // its line in the file

	To   TrapName `yaml:"to" example:"IL" doc:"abroad, premium, national, a country (two capital letters), or the first digits of numbers, with the country code. The longest digits hold, then the country, then the class."`
	Rate float64  `yaml:"rate" example:"0.35" check:"from 0" doc:"Price of a minute."`
}

// EmergencyNumbers are the emergency numbers that hold.
func (c *Calls) EmergencyNumbers() []TrapName {
	if c.Emergency != nil {
		return c.Emergency
	}
	return usualEmergency
}

// usualEmergency are emergency numbers of most countries: ITU-T E.161.1 (112, 911), and
// national ones.
var usualEmergency = []TrapName{"112", "911", "999", "000", "110", "111", "113", "115", "117", "118", "119", "108", "100", "101", "102", "103", "122", "133", "144", "190", "192", "193", "15", "17", "18", "933"}

// Does reports whether an action is chosen.
func (c *Calls) Does(action string) bool {
	if len(c.Action) == 0 {
		return action == "tell"
	}
	return slices.Contains(c.Action, action) || action == "tell" && slices.Contains(c.Action, "report")
}

// NightHours are the minutes of a day at which the night begins and ends.
func (c *Calls) NightHours() (from, to int, err error) {
	begin, end, ok := strings.Cut(c.Night, "-")
	a, err1 := time.Parse("15:04", strings.TrimSpace(begin))
	b, err2 := time.Parse("15:04", strings.TrimSpace(end))
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, hint.New("write two times in quotes, such as \"22:00-06:00\"", quote(c.Night)+" is not a night: it needs two times of the day")
	}
	return a.Hour()*60 + a.Minute(), b.Hour()*60 + b.Minute(), nil
}

const (
	maxCallEntries = 200
	// MaxPerMinute bounds calls_per_minute and concurrent: as many calls of an account are
	// remembered one by one.
	MaxPerMinute = 60
)

var (
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
	dialForm    = regexp.MustCompile(`^[0-9]{1,8}$`)
	// fieldForm is the name of a field of a call record.
	fieldForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,39}$`)
)

// CDRNeeded are the fields of a call record without which it says nothing.
var CDRNeeded = []string{"dst", "channel", "start", "billsec"}

func (c *Calls) validate(d *decoder) {
	if c.Enabled && c.Country == "" {
		d.fault("calls.country", "write your country, such as country: DE", "no country is given: pbxjail does not know which calls go abroad")
	}
	if c.Country != "" && !countryForm.MatchString(c.Country) {
		d.fault("calls.country", "write two capital letters, such as DE or US", "%s is not a country", quote(c.Country))
	}
	if _, _, err := c.NightHours(); err != nil {
		d.fault("calls.night", hint.Of(err), "%s", err)
	}
	for key, list := range map[string][]TrapName{"international": c.International, "outside": c.Outside, "emergency": c.Emergency} {
		for i, n := range list {
			if !dialForm.MatchString(string(n)) {
				d.fault(fmt.Sprintf("calls.%s[%d]", key, i), "write digits only, such as 00", "%s has other characters than digits", quote(string(n)))
			}
		}
	}
	if c.National != "" && c.National != "none" && !dialForm.MatchString(string(c.National)) {
		d.fault("calls.national", "write digits only, such as 0; or the word none, if numbers in your country have no such digits", "%s has other characters than digits", quote(string(c.National)))
	}
	c.validateFields(d)
	c.validateLimits(d)
	for i, r := range c.Rates {
		checkDestination(d, fmt.Sprintf("calls.rates[%d].to", i), r.To)
	}
	for key, n := range map[string]int{"limits": len(c.Limits), "rates": len(c.Rates), "cdr": len(c.CDR), "emergency": len(c.Emergency), "international": len(c.International), "outside": len(c.Outside)} {
		if n > maxCallEntries {
			d.fault("calls."+key, fmt.Sprintf("remove entries: there may be at most %d", maxCallEntries), "too many entries: %d", n)
		}
	}
}

func (c *Calls) validateFields(d *decoder) {
	if c.CDRFields == nil {
		return
	}
	for i, f := range c.CDRFields {
		if !fieldForm.MatchString(f) {
			d.fault(fmt.Sprintf("calls.cdr_fields[%d]", i), "write the name of a field, such as dst", "%s is not the name of a field", quote(f))
		}
	}
	for _, need := range CDRNeeded {
		if !slices.Contains(c.CDRFields, need) {
			d.fault("calls.cdr_fields", cdrHint(need), "the field %s is missing: pbxjail needs it to count calls", need)
		}
	}
	if !slices.Contains(c.CDRFields, "end") && !slices.Contains(c.CDRFields, "duration") {
		d.fault("calls.cdr_fields", cdrHint("end or duration"), "the fields end and duration are missing: pbxjail needs one of them to count calls")
	}
}

// cdrHint is what to do where a field of call records is missing.
func cdrHint(field string) string {
	return "let Asterisk write " + field + " (cdr_custom.conf); then write " + field + " into cdr_fields, at the place that it has in the file"
}

func (c *Calls) validateLimits(d *decoder) {
	for i, l := range c.Limits {
		at := fmt.Sprintf("calls.limits[%d]", i)
		for n, to := range l.Destinations {
			checkDestination(d, fmt.Sprintf("%s.destinations[%d]", at, n), to)
		}
		for key, limit := range map[string]Limit{"calls_per_minute": l.PerMinute, "concurrent": l.Concurrent} {
			if limit.Critical > MaxPerMinute {
				d.fault(at+"."+key, fmt.Sprintf("write at most %d, or off", MaxPerMinute), "%s is larger than the largest limit that pbxjail can count", limit)
			}
		}
		if n := len(l.Accounts) + len(l.Groups) + len(l.Destinations); n > maxCallEntries {
			d.fault(at, "make two entries below limits, each with a part of the names", "too many names: %d, the limit is %d", n, maxCallEntries)
		}
	}
}

func checkDestination(d *decoder, path string, to TrapName) {
	text := string(to)
	if !slices.Contains([]string{"abroad", "premium", "national"}, text) && !countryForm.MatchString(text) && !dialForm.MatchString(text) {
		d.fault(path, "write abroad, premium, national, a country such as IL, or the first digits of numbers, such as 4470", "%s is not a destination", quote(text))
	}
}

// Has reports whether the limits are for an account of a group.
func (l *CallLimit) Has(account, group string) bool {
	return (len(l.Accounts) == 0 || slices.Contains(l.Accounts, TrapName(account))) &&
		(len(l.Groups) == 0 || group != "" && slices.Contains(l.Groups, TrapName(group)))
}
