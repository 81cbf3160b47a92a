package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// notStarted are the places in the order of stages that the way up has not
// reached.
func (p *planRun) notStarted() []int {
	var places []int
	for at := p.at + 1; at < len(p.order); at++ {
		if len(p.in.Steps[p.order[at]].VMs) > 0 {
			places = append(places, at)
		}
	}
	return places
}

// reordered is the order with the stages that have not started as an answer
// names them. People's steps keep their places.
func (p *planRun) reordered(a plans.Answer) ([]int, error) {
	if p.shape.together {
		return nil, no("the stages of this run go at once: there is no order to change")
	}
	places := p.notStarted()
	if len(places) < 2 {
		return nil, no("fewer than two stages have not started: there is no order to change")
	}
	left := map[string]int{}
	names := make([]string, len(places))
	for n, at := range places {
		names[n] = p.in.Steps[p.order[at]].Name
		left[names[n]] = p.order[at]
	}
	order := slices.Clone(p.order)
	for n, name := range a.Stages {
		i, ok := left[name]
		if !ok {
			return nil, no("%q is not a stage that has not started, or is named twice; name each of these once: %s", name, strings.Join(names, ", "))
		}
		delete(left, name)
		order[places[n]] = i
	}
	if len(a.Stages) != len(places) {
		return nil, no("%d of %d stages that have not started are named; name each of these once: %s", len(a.Stages), len(places), strings.Join(names, ", "))
	}
	return order, p.keepsAfter(order)
}

// keepsAfter refuses an order in which a VM would start before one that it
// comes after.
func (p *planRun) keepsAfter(order []int) error {
	place := map[string]int{}
	for at, i := range order {
		for _, vm := range p.in.Steps[i].VMs {
			place[vm.ID] = at
		}
	}
	for at, i := range order {
		for _, vm := range p.in.Steps[i].VMs {
			for _, id := range vm.After {
				if before, ok := place[id]; ok && before > at {
					return no("%s (stage %s) would start before %s (stage %s), which it comes after",
						vm.Label, p.in.Steps[i].Name, p.status.VMs[p.vmIndex[id]].Label, p.in.Steps[order[before]].Name)
				}
			}
		}
	}
	return nil
}

// reorder takes a new order over. An answer that was checked before and does
// not fit any more changes nothing.
func (p *planRun) reorder(a plans.Answer) string {
	order, err := p.reordered(a)
	if err != nil {
		return "The order stays: " + err.Error()
	}
	p.order = order
	return fmt.Sprintf("The stages that have not started will start in this order: %s. Those that have started are not touched.", strings.Join(a.Stages, ", "))
}
