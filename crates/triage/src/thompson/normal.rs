//! The quantile function of the standard normal distribution, with the same bits everywhere.
//!
//! M. J. Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988),
//! routine PPND16: three quotients of polynomials, right to about 16 digits. The only function it needs beyond
//! arithmetic and roots is a logarithm, which `libm` has.
#![expect(clippy::excessive_precision, reason = "the coefficients as published")]

/// Up to here from the middle, in probability, one quotient serves.
const MIDDLE: f64 = 0.425;
/// The square of that and a little, as published: what its quotient is a function of counts down from here.
const MIDDLE_OFFSET: f64 = 0.180_625;
/// Where the far tails begin, in roots of minus the logarithm of the probability.
const FAR: f64 = 5.0;
/// Where the near tails' quotient is centred.
const NEAR_OFFSET: f64 = 1.6;
/// The least probability there is on a side: below it lies no chance that is drawn.
const LEAST: f64 = 1.0 / (1_u64 << 54) as f64;

/// Coefficients of a quotient: above and below the line, from the constant upwards.
type Quotient = ([f64; 8], [f64; 8]);

const MIDDLE_QUOTIENT: Quotient = (
    [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ],
);

const NEAR_QUOTIENT: Quotient = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);

const FAR_QUOTIENT: Quotient = (
    [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

/// Below which value the standard normal lies with this probability; finite also for 0 and 1.
pub(super) fn quantile(probability: f64) -> f64 {
    let from_middle = probability - 0.5;
    if from_middle.abs() <= MIDDLE {
        return from_middle * quotient(&MIDDLE_QUOTIENT, MIDDLE_OFFSET - from_middle * from_middle);
    }
    let tail = probability.min(1.0 - probability).max(LEAST);
    let depth = (-libm::log(tail)).sqrt();
    let distance = if depth <= FAR {
        quotient(&NEAR_QUOTIENT, depth - NEAR_OFFSET)
    } else {
        quotient(&FAR_QUOTIENT, depth - FAR)
    };
    distance.copysign(from_middle)
}

fn quotient((above, below): &Quotient, at: f64) -> f64 {
    let sum = |of: &[f64; 8]| of.iter().rev().fold(0.0, |sum, coefficient| sum * at + coefficient);
    sum(above) / sum(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles found by halving intervals with 60 digits, through the series of the error function.
    const KNOWN: [(f64, f64); 13] = [
        (0.5, 0.0),
        (0.6, 0.253_347_103_135_799_8),
        (0.75, 0.674_489_750_196_081_7),
        (0.9, 1.281_551_565_544_600_4),
        (0.924_999, 1.439_524_406_603_521_5),
        (0.925_001, 1.439_538_535_345_230_7),
        (0.95, 1.644_853_626_951_472_2),
        (0.975, 1.959_963_984_540_054),
        (0.99, 2.326_347_874_040_841),
        (0.999, 3.090_232_306_167_813_3),
        (0.000_1, -3.719_016_485_455_680_6),
        (1e-9, -5.997_807_015_007_686_9),
        (1e-12, -7.034_483_825_301_132),
    ];

    #[test]
    fn known_quantiles() {
        for (probability, known) in KNOWN {
            let got = quantile(probability);
            assert!((got - known).abs() < 1e-9, "{probability}: {got} is not {known}");
        }
    }

    #[test]
    fn both_sides_are_alike_and_it_never_falls() {
        let mut last = f64::NEG_INFINITY;
        for n in 1..4096_u32 {
            let probability = f64::from(n) / 4096.0; // exact, and so is its distance from 1
            let got = quantile(probability);
            assert_eq!(got.to_bits(), (-quantile(1.0 - probability) + 0.0).to_bits(), "{probability}");
            assert!(got > last, "{probability}");
            last = got;
        }
    }

    #[test]
    fn the_ends_are_finite() {
        assert!((8.0..9.0).contains(&quantile(1.0)));
        assert!((-9.0..-8.0).contains(&quantile(0.0)));
    }

    #[test]
    fn the_bits_are_these() {
        // A change of these bits breaks the replay of stored decisions.
        let bits = [0.1, 0.3, 0.97, 1e-12].map(|probability| quantile(probability).to_bits());
        let kept =
            [0xbff4_813c_36e2_6d33, 0xbfe0_c7e3_9582_c5fa, 0x3ffe_17bb_09d8_913e, 0xc01c_234f_ba57_a32a];
        assert_eq!(bits, kept, "{bits:#x?}");
    }
}
