package fraud

import "fmt"

// The rules, as a Finding names them.
const (
	RuleEnumeration   = "enumeration"         // many accounts or extensions that do not exist
	RuleSpraying      = "password spraying"   // wrong passwords for many accounts
	RulePrefixes      = "changing prefixes"   // one number, dialled in many ways
	RuleSharedNumber  = "shared number"       // one number, dialled by many addresses
	RuleInternational = "international call"  // abroad, by a guest
	RulePremium       = "premium call"        // to a premium range, by a guest
	RuleSequence      = "sequence"            // accounts, extensions or numbers in a row
	RuleManyAddresses = "account under siege" // one account, many addresses
)

// Finding is a named rule that spoke, and what it makes of the attempt's points.
// The factors of all that spoke for one attempt are meant to be multiplied.
type Finding struct {
	Rule   string // one of the Rule constants: no text of a log
	Factor int32  // thousandths; 1000 changes nothing
	Count  int    // what was counted: accounts, prefixes, addresses; of a call, the country code or range
	Alarm  bool   // the admin must know it once, whether or not an address is banned
}

// String is the reason, for the admin.
func (f Finding) String() string {
	switch f.Rule {
	case RulePrefixes:
		return fmt.Sprintf("same number under %d prefixes", f.Count)
	case RuleSharedNumber:
		return fmt.Sprintf("same number from %d addresses", f.Count)
	case RuleInternational:
		return fmt.Sprintf("international call of a guest: +%d", f.Count)
	case RulePremium:
		return fmt.Sprintf("premium call of a guest: +%d", f.Count)
	case RuleSequence:
		return fmt.Sprintf("sequence: %d in a row", f.Count)
	case RuleManyAddresses:
		return fmt.Sprintf("one account from %d addresses", f.Count)
	}
	return fmt.Sprintf("%s: %d accounts", f.Rule, f.Count)
}
