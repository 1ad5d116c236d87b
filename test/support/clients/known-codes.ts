/**
 * Codes with what scrypt makes of them: most of what a client costs that sends a small file is scrypt.
 * test/protocol/crypto/keys.test.ts makes one anew.
 */
import {
  LOBBY_CODE,
  MASTER_BYTES,
  parseSenderCode,
  secretOf,
  toHex,
  utf8,
  type Code,
} from "../../../protocol/mod.ts";
import { nodePrimitives } from "../../../protocol/crypto/crypto-node.ts";
import { LOBBY_MASTER } from "../../../protocol/crypto/keys.ts";

const KNOWN = [
  [
    "pig-hobby-cross-wink-phone-hero",
    "3c12087fd4ef75f867adcb4fd9020a472fa6681d8db5d4df0b803e6eab22ea52",
  ],
  [
    "lyrics-essay-belt-syrup-love-equip",
    "39caa1dc027ab958e795127aac1f9757b4b740c2a1e51a01ad144eba992f94e4",
  ],
  [
    "green-come-volume-rural-grab-code",
    "ffffbde6cd3721a7f4a930cfbfaffc1373094467cccf245af2be1f37d5fc3f71",
  ],
  [
    "elbow-auction-stove-oyster-economy-assume",
    "9633b343e2fd4593e6d773c72c698fcf159173c7eaaabb0a2a8528a540da8a8b",
  ],
  [
    "chimney-used-resource-leg-check-uphold",
    "a9e73333f354d12ebe10b40ec5af1e664116ad2f666af0e4b504a832135e2d27",
  ],
  [
    "angry-spawn-observe-dizzy-among-soul",
    "8654579ea0ba2ec5f4dcf917a20099188b7079b3b995af0a2e456f6efe4d8344",
  ],
  [
    "truth-ranch-junk-canal-trip-rack",
    "6fe00d8297e0c5d02ce1ecd20fca9dddf48fa82510427183b87a46b003347004",
  ],
  [
    "skirt-mystery-focus-acid-situate-multiply",
    "f5424d5b289e5e0e6ddd59c3de93baae67d5e65411634830540455b7bc9793c6",
  ],
  [
    "process-infant-deposit-tissue-pride-inch",
    "67c13ee8fddfc25799ced68226f1ff196e8a3a9b8efddff1ed27268e054ce581",
  ],
  [
    "midnight-feature-brief-senior-merge-farm",
    "6b08084a8b9fbe6a75aa13aa0da4f5c5616d6e83addb855d942fd0f970d89c60",
  ],
  [
    "hood-crush-wolf-pig-hobby-cross",
    "74872f79c860751b675873957b623dc76ee911f13f657a551da4af9f3b239e30",
  ],
  [
    "evolve-bicycle-tank-lyrics-essay-belt",
    "19b8a7a873a8678eca9391dff10793880b48af92c8324e426816ab9a78adfaa9",
  ],
  [
    "congress-walnut-salon-green-come-volume",
    "48ded11fc7a33f7be2a1074dffbdc44040a64ba02b4c357d7773441f6d1fe4d5",
  ],
  [
    "avocado-stumble-panda-elbow-auction-stove",
    "81154dcb83fdf84c5dd34f89b252aac9513d88e9a2799673339072a0d1e9ea54",
  ],
  [
    "valid-review-gate-chimney-used-resource",
    "e44f78e46b1db5d4ee6e6e316fbe8e1824ee9424c8d8fa84fd8e1aa010979178",
  ],
  [
    "spider-offer-donkey-angry-spawn-observe",
    "e4a2f2a8e194d93f3aa481594f2ec84984d70730cfbeabde8f0e058c04734a6b",
  ],
  [
    "raw-kid-capital-truth-ranch-junk",
    "6959c42ef8a7130ad4198839d747393493a2e3a6ed3ea52e6c0c4617745123e3",
  ],
  [
    "nature-forest-actual-skirt-mystery-focus",
    "63969220806c768c69282ec2da556e7f2df0665ab9ed47c8d6ea0e3ad4ce916a",
  ],
  [
    "inmate-despair-toilet-process-infant-deposit",
    "67d64cfe430c3bce467642fdf1bc8243608dc822bfef6b898e74a80f58018a90",
  ],
  [
    "festival-brother-seven-midnight-feature-brief",
    "9a9f1a3690e887724b96f41386d206f793474a2b72622f0466c3f6673992973b",
  ],
  [
    "current-worry-pitch-hood-crush-wolf",
    "e3819c541d8c4c6db8d2ab3a4303bdc87a2adb702764577ca51ed543aeba5b25",
  ],
  [
    "black-team-major-evolve-bicycle-tank",
    "4991192fb9ed9e5f096f2433ff96a09b140ef5111b3d223d206fdaf1ce1789ee",
  ],
  [
    "water-sauce-guard-congress-walnut-salon",
    "b9b79c21b8ffa7e016d77dc6a0fa8dd6e67c80ed6822a23834a0996be40925d7",
  ],
  [
    "suffer-lesson-else-avocado-stumble-panda",
    "ae1b09f264afcfcfc2318e202e5996f68e7956d5ffc3e565578231e59efa9f8b",
  ],
  [
    "ridge-genuine-cinnamon-valid-review-gate",
    "9a0474d97d26955400292b5b6b4a4f96b610d81b88493b9e007b6add8e05e099",
  ],
  [
    "omit-drama-antique-spider-offer-donkey",
    "b237cdead9f50f54cf2ba08df5dd1b95a1b69163969b7c68bcb4693a09bc9862",
  ],
  [
    "kitten-cart-turn-raw-kid-capital",
    "7f09f099c98253ef8db2a47b8c29750843e4199fa683feae4b956867645e07d6",
  ],
  [
    "found-advance-slight-nature-forest-actual",
    "71877b94c22e8205064118a2e4a47a70756a689b41538844d3873587fd824172",
  ],
  [
    "dial-tooth-prosper-inmate-despair-toilet",
    "08851fcd60dc5cfc4fc4ddf756fafeca54d0ad44cd68f4581ba5fbfd97ba6694",
  ],
  [
    "bulb-shield-miracle-festival-brother-seven",
    "55209c1943fb9d77adb8f427063fbb1c3b045c53fa4942f8a88e47adfe1b0c08",
  ],
  [
    "yard-pledge-hour-current-worry-pitch",
    "f632aafdf4c40834b914e511fec88e5fcaf8db5f3b583039ecd78c317e2dd82c",
  ],
  [
    "text-manual-execute-black-team-major",
    "679fb223eee61798544d4aa51884ed8c793d177fe79f4e18ea5d933a49a1a942",
  ],
] as const;

const masters = new Map<Code, string>(
  KNOWN.map(([code, master]) => [parseSenderCode(code), master]),
);
const codes = [...masters.keys()];
masters.set(LOBBY_CODE, LOBBY_MASTER);
let next = 0;

/** A code that none of the last ones was, of which `masterOf` knows the master. */
export function knownCode(): Code {
  return codes[next++ % codes.length]!;
}

/** In hex. Of another code it is made once, for all clients of it. */
export function masterOf(code: Code): string {
  const known = masters.get(code);
  if (known !== undefined) return known;
  const master = toHex(
    nodePrimitives.scrypt(utf8(secretOf(code)), utf8("fileshare/1"), MASTER_BYTES),
  );
  masters.set(code, master);
  return master;
}
