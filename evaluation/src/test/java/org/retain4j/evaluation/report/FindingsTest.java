package org.retain4j.evaluation.report;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.retain4j.evaluation.report.Findings.Verdict;

class FindingsTest {
    @Test
    void saysWhatHelpedAtWhatCostAndWhatDidNot() {
        Findings findings = Findings.of(Examples.eightMethods());
        assertThat(findings.headline())
                .isEqualTo(
                        "Plain fine-tuning learned the new text (4.69 → 2.87 bits per byte) but"
                                + " forgot part of the old one (1.27 → 2.09 bits per byte). 6 of 7"
                                + " other methods kept clearly more of the old text.");
        assertThat(findings.details())
                .containsExactly(
                        "Kept clearly more: WiSE-FT α=0.5 (1.46, 77 % of the forgetting prevented),"
                                + " Replay 10 % (1.47, 76 % of the forgetting prevented), EWC λ=0.3"
                                + " (1.55, 66 % of the forgetting prevented), Self-replay 10 % (1.62,"
                                + " 57 % of the forgetting prevented), L2-SP α=0.01 (1.67, 51 % of the"
                                + " forgetting prevented) and KL to base β=0.1 (1.71, 46 % of the"
                                + " forgetting prevented).",
                        "No clear loss of learning: Replay 10 %, Self-replay 10 % and KL to base"
                                + " β=0.1.",
                        "Learned clearly less in exchange: WiSE-FT α=0.5 (+0.40), EWC λ=0.3 (+0.17)"
                                + " and L2-SP α=0.01 (+0.21).",
                        "No clear help here: LoRA r=8.",
                        "“Clearly” means that the 95 % interval of the paired difference to plain"
                                + " fine-tuning excludes zero, for each method by itself, without"
                                + " correction for their number.");
        assertThat(findings.verdicts())
                .containsExactly(
                        Verdict.REFERENCE,
                        Verdict.KEPT_MORE,
                        Verdict.KEPT_MORE,
                        Verdict.KEPT_MORE,
                        Verdict.KEPT_MORE,
                        Verdict.KEPT_MORE,
                        Verdict.KEPT_MORE,
                        Verdict.UNCLEAR);
    }

    @Test
    void admitsThatNothingHelped() {
        Findings findings =
                Findings.of(
                        Examples.result(
                                Examples.plain(2.87, 2.09),
                                Examples.method("ewc", "EWC", 2.87, 2.05, 0.1),
                                Examples.method("kl", "KL", 2.87, 2.5, 0.1)));
        assertThat(findings.headline())
                .endsWith("None of the 2 other methods kept clearly more of the old text.");
        assertThat(findings.details())
                .contains("No clear help here: EWC.", "Kept clearly less: KL.");
        assertThat(findings.verdicts())
                .containsExactly(Verdict.REFERENCE, Verdict.UNCLEAR, Verdict.KEPT_LESS);
    }

    @Test
    void doesNotClaimForgettingWhereThereWasNone() {
        Findings findings =
                Findings.of(
                        Examples.result(
                                Examples.plain(2.87, 1.3),
                                Examples.method("ewc", "EWC", 2.87, 1.2, 0.05)));
        assertThat(findings.headline())
                .contains("without clearly forgetting the old one (1.27 → 1.30 bits per byte)");
        assertThat(findings.details()).first().isEqualTo("Kept clearly more: EWC (1.20).");
    }

    @Test
    void doesNotClaimLearningWhereThereWasNone() {
        assertThat(Findings.of(Examples.result(Examples.plain(4.65, 1.3))).headline())
                .startsWith("Plain fine-tuning neither clearly learned")
                .doesNotContain("other method");
        assertThat(Findings.of(Examples.result(Examples.plain(4.65, 2.3))).headline())
                .startsWith("Plain fine-tuning did not clearly learn");
    }

    /** A marginal overlap of intervals must not hide a clear paired difference, nor invent one. */
    @Test
    void pairedDifferenceDecidesAndIntervalsOnlyReplaceIt() {
        MethodResult overlapping = Examples.method("a", "A", 2.87, 2.05, 0.01);
        MethodResult unpairedFar = Examples.of("b", "B", 2.87, 1.5, null, null);
        MethodResult unpairedNear = Examples.of("c", "C", 2.87, 2.05, null, null);
        Findings findings =
                Findings.of(
                        Examples.result(
                                Examples.plain(2.87, 2.09),
                                overlapping,
                                unpairedFar,
                                unpairedNear));
        assertThat(findings.verdicts())
                .containsExactly(
                        Verdict.REFERENCE, Verdict.KEPT_MORE, Verdict.KEPT_MORE, Verdict.UNCLEAR);
        assertThat(findings.text()).contains("where no paired difference was measured");
    }

    @Test
    void withoutPlainNothingIsClaimed() {
        Findings findings =
                Findings.of(Examples.result(Examples.method("ewc", "EWC", 2.9, 1.3, 0.1)));
        assertThat(findings.headline()).contains("Plain fine-tuning was not among the methods");
        assertThat(findings.verdicts()).containsExactly(Verdict.REFERENCE);
    }
}
