package evidence

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Whoever forges a report writes a key of their own into it. What the page tells a
// reader to do must not check the page by that.
func TestThePageIsNotCheckedByItsOwnKey(t *testing.T) {
	dir, key := exported(t, named("acme corp"))
	page := string(read(t, dir, "html"))
	if strings.Contains(page, "--key "+key.Public().String()) || !strings.Contains(page, "verify DR-2026-001-acme-corp.html --key KEY") {
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
