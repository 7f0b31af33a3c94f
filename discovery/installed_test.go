package discovery_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"bookservice/discovery/internal/testkit"
)

// etcdTests returns the tests that start an etcd.
func etcdTests() []func(*testing.T) {
	return []func(*testing.T){
		TestAgeCountsFromTheLossOfTheConnection,
		TestCallsWithoutRequestsIgnoreTheirContext,
		TestCloseEndsEveryGoroutine,
		TestDeadInstanceIsRemovedWithItsLease,
		TestDeregisterKeepsAKeyOfAnotherOwner,
		TestDeregisterRemovesTheKey,
		TestEtcdPassesTheSuite,
		TestEtcdWithTLSAndAuthentication,
		TestEveryRequestEndsWithTheTimeout,
		TestFailureOfDeregisterSaysWhy,
		TestFailureOfRegisterSaysWhatIsWrongWithCredentials,
		TestFailureOfRegisterSaysWhy,
		TestFieldsOfOthersAreIgnored,
		TestForgottenConnectionsCostNothing,
		TestFrozenConnectionIsDetected,
		TestHugeValuesAreLoggedShort,
		TestHungMemberCostsNoRegistration,
		TestInstanceWithoutAKeyLeavesAtOnce,
		TestInstancerFollowsThroughACompaction,
		TestInstancerFollowsThroughARestart,
		TestInstancerFollowsThroughTheLossOfAMember,
		TestInstancerIgnoresOtherKeys,
		TestInstancerIsCreatedWhileEtcdIsDown,
		TestInstancesAreKeptForAGracePeriod,
		TestInstancesAreTheListUntilEtcdAnswers,
		TestInvalidRegistrarsDoNotCount,
		TestKeyOfADeadServerExpires,
		TestKeyOfAnotherProcessIsReportedAndLeftAlone,
		TestKeyOverwrittenAgainAndAgain,
		TestLastListStaysInUseDuringAnOutage,
		TestListStaysWhileServersCannotReachEtcd,
		TestListStaysWhileServersReturnOneAfterTheOther,
		TestLossOfTheLeaderCostsNoRegistration,
		TestLossOfTheMajorityIsReported,
		TestLostKeyIsRestoredAtOnce,
		TestLostRegistrationIsRestored,
		TestManyLostRegistrationsAreRestored,
		TestMetadataIsRegistered,
		TestOutageNeedsNoMoreMemory,
		TestRegisterInTheBackground,
		TestRegisterMovesOnFromAHungMember,
		TestRegisterOutlivesTheTimeoutOfARequest,
		TestRegisterTriesUntilItsContextEnds,
		TestRegisteredKeyIsUnderALease,
		TestRegisteringAgainCreatesNoSecondKey,
		TestRegistrarsDoNotAffectEachOther,
		TestRegistrationSurvivesARestartOfEtcd,
		TestResolverFollowsInstances,
		TestStatusReportsInstancesThatAreKept,
		TestStatusReportsRegistrationsAndLists,
		TestStoppingProcessLeavesTheKeyOfItsSuccessor,
		TestSubsetsChangeByAtMostOne,
		TestValuesOfGRPCAreRead,
		TestValuesOfOtherRegistriesAreRead,
		TestValuesThatAreNoAddressAreSkipped,
		TestWaitErrorNamesALongerPrefix,
		TestWaitErrorNamesTheCause,
		TestWaitReturnsWithTheFirstInstance,
	}
}

// nameOf returns the name of a test without "Test".
func nameOf(test func(*testing.T)) string {
	name := runtime.FuncForPC(reflect.ValueOf(test).Pointer()).Name()
	return name[strings.LastIndex(name, ".Test")+len(".Test"):]
}

const installedTest = "TestInstalledEtcd"

// isInstalled reports whether a test is to use the etcd that is installed.
func isInstalled(t *testing.T) bool { return strings.HasPrefix(t.Name(), installedTest+"/") }

// TestInstalledEtcd runs all tests that start an etcd with the one that is installed, which may be
// an older release than that of package etcdembed. It runs as processes, which are stopped by
// SIGKILL.
func TestInstalledEtcd(t *testing.T) {
	testkit.Slow(t)
	for _, test := range etcdTests() {
		t.Run(nameOf(test), test)
	}
}

func TestEveryTestRunsWithTheInstalledEtcd(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?ms)^func Test(\w+)\(t \*testing\.T\) \{$.*?^\}$`)
	starts := regexp.MustCompile(`\bstart(Secure)?Etcd\(`)
	want := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllStringSubmatch(string(source), -1) {
			if starts.MatchString(match[0]) {
				want[match[1]] = true
			}
		}
	}
	for _, test := range etcdTests() {
		if name := nameOf(test); !want[name] {
			t.Errorf("have Test%s in etcdTests, which starts no etcd", name)
		}
		delete(want, nameOf(test))
	}
	for name := range want {
		t.Errorf("Test%s is missing in etcdTests", name)
	}
}
