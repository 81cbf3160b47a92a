package worker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A schedule is asked why it does not tick once it has not for long: not one that the
// engine has just begun with, nor one that ticks, nor one that is gone.
func TestOnlyAScheduleThatIsQuietForLongIsAsked(t *testing.T) {
	often, seldom := plans.ScheduleID{Host: "A", Frequency: plans.Frequency(30 * time.Second)}, plans.ScheduleID{Host: "B", Frequency: plans.Frequency(15 * time.Minute)}
	w := &watch{ticked: map[plans.ScheduleID]time.Time{}, found: map[plans.ScheduleID]plans.HostSchedule{
		often: {ScheduleID: often, Every: 30 * time.Second}, seldom: {ScheduleID: seldom, Every: 15 * time.Minute},
	}}
	w.list.Wanted = []plans.ScheduleID{often, seldom}
	began := time.Now()
	asked := func(after time.Duration) []plans.ScheduleID {
		ids, _ := w.quiet(began.Add(after))
		return ids
	}
	require.Empty(t, asked(0), "it has just begun")
	require.Equal(t, []plans.ScheduleID{often}, asked(quietFor+time.Minute), "three intervals of the other are not over")
	_, is := w.ticking(often)
	require.True(t, is)
	require.Empty(t, asked(quietFor-time.Minute))
	require.Equal(t, []plans.ScheduleID{often, seldom}, asked(time.Hour))
	_, is = w.ticking(plans.ScheduleID{Host: "C"})
	require.False(t, is)
	require.Len(t, w.ticked, 2)
}
