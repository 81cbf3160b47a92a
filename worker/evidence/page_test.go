package evidence

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Whoever forges a report writes a key of their own into it. What the page tells a
// reader to do must not check the page by that.
func TestThePageIsNotCheckedByItsOwnKey(t *testing.T) {
	dir, key := exported(t, named("acme corp"))
	page := string(read(t, dir, "html"))
	names, _ := filepath.Glob(filepath.Join(dir, "DR-2026-001-acme-corp-*.html"))
	if len(names) != 1 || strings.Contains(page, "--key "+key.Public().String()) || !strings.Contains(page, "verify "+filepath.Base(names[0])+" --key KEY") {
		t.Error("the page is to be checked by what stands in it, or under another name")
	}
}

// A copy for one tenant does not say of the whole plan what it leaves out itself.
func TestATenantsPageClaimsNothingOfOthers(t *testing.T) {
	e := named("acme")
	e.LeftOut, e.Withheld = nil, 1
	page, err := Page(e, PublicKey{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte("Nothing of the plan")) || !bytes.Contains(page, []byte("1 VM of others")) {
		t.Error("it says that nothing was left out, or counts wrongly")
	}
	e.Tenant, e.Manual, e.LeftOut = "", nil, []plans.LeftOut{}
	if page, err = Page(e, PublicKey{}); err != nil || bytes.Contains(page, []byte("this copy")) || !bytes.Contains(page, []byte("Nothing of the plan")) {
		t.Error("the operator's own page talks of a copy", err)
	}
}

// A run over midnight, or of days, ends on another day than it began.
func TestAPageNamesTheDayOfTheEnd(t *testing.T) {
	for took, want := range map[time.Duration]string{
		time.Hour: "1 March 2026 09:00:00 to 10:00:00 UTC", 15 * time.Hour: "1 March 2026 09:00:00 to 2 March 2026 00:00:00 UTC",
		24 * time.Hour: "to 2 March 2026 09:00:00 UTC",
	} {
		e := named("VM")
		e.Ended = e.Started.Add(took)
		if page, err := Page(e, PublicKey{}); err != nil || !bytes.Contains(page, []byte(want)) {
			t.Errorf("%s: no %q (%v)", took, want, err)
		}
	}
}

// Tenants whose names differ only where a file's may not have files of their own, also
// where nothing of a name may stand in a file's.
func TestEveryTenantHasAFileOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	for _, tenant := range []string{"a b", "a-b", "a/b", "../b", "青木", "赤木", "Müller", "M-ller", strings.Repeat("x", 20)} {
		name := baseName(plans.Evidence{Number: "DR-2026-001", Tenant: tenant})
		if other, twice := seen[name]; twice || filepath.Base(name) != name || strings.Contains(name, "..") {
			t.Errorf("%s: %s, as of %s", tenant, name, other)
		}
		seen[name] = tenant
	}
}

// Who was asked, who answered and when stand beside a criterion: they may be two.
func TestACriterionSaysWhoWasAskedAndWhoAnswered(t *testing.T) {
	e := named("VM")
	e.Criteria = []plans.Judgement{{Criterion: plans.Criterion{Text: "log in?", Who: "Dana"}, Result: plans.CriterionMet, Why: "yes", By: "Bob", At: began}}
	page, err := Page(e, PublicKey{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"(asked of Dana)", "(Bob, 1 Mar 2026 09:00 UTC)"} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("no %q", want)
		}
	}
}
